package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"io"
	"net"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"
)

// sshServer is a small SSH server for the tests: it runs commands with /bin/sh and forwards TCP connections, so it
// can be a target as well as a jump host.
type sshServer struct {
	address *net.TCPAddr
	hostKey ssh.Signer

	mutex sync.Mutex
	// accepted lists the keys that may log in; if it is empty, every handshake fails.
	accepted []ssh.PublicKey
	// attempts counts connections.
	attempts int
	// environment lists the names of the variables that AcceptEnv would allow.
	environment map[string]bool
}

func newKey(t *testing.T) (signer ssh.Signer, private string) {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	check(t, err)
	signer, err = ssh.NewSignerFromKey(key)
	check(t, err)
	block, err := ssh.MarshalPrivateKey(key, "")
	check(t, err)
	return signer, string(pem.EncodeToMemory(block))
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func startServer(t *testing.T, accepted ...ssh.PublicKey) *sshServer {
	t.Helper()
	hostKey, _ := newKey(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	t.Cleanup(func() { listener.Close() })
	server := &sshServer{address: listener.Addr().(*net.TCPAddr), hostKey: hostKey, accepted: accepted}
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			go server.serve(connection)
		}
	}()
	return server
}

func (s *sshServer) connections() int {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.attempts
}

func (s *sshServer) accept(key ssh.PublicKey) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.accepted = append(s.accepted, key)
}

func (s *sshServer) serve(tcp net.Conn) {
	defer tcp.Close()
	s.mutex.Lock()
	s.attempts++
	s.mutex.Unlock()
	config := &ssh.ServerConfig{PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
		s.mutex.Lock()
		defer s.mutex.Unlock()
		for _, accepted := range s.accepted {
			if string(accepted.Marshal()) == string(key.Marshal()) {
				return nil, nil
			}
		}
		return nil, io.EOF
	}}
	config.AddHostKey(s.hostKey)
	connection, channels, requests, err := ssh.NewServerConn(tcp, config)
	if err != nil {
		return
	}
	go ssh.DiscardRequests(requests)
	for channel := range channels {
		switch channel.ChannelType() {
		case "session":
			go s.session(connection, channel)
		case "direct-tcpip":
			go forward(channel)
		}
	}
}

func forward(request ssh.NewChannel) {
	var target struct {
		Host       string
		Port       uint32
		OriginHost string
		OriginPort uint32
	}
	_ = ssh.Unmarshal(request.ExtraData(), &target)
	tcp, err := net.DialTCP("tcp", nil, &net.TCPAddr{IP: net.ParseIP(target.Host), Port: int(target.Port)})
	if err != nil {
		_ = request.Reject(ssh.ConnectionFailed, err.Error())
		return
	}
	channel, requests, err := request.Accept()
	if err != nil {
		return
	}
	go ssh.DiscardRequests(requests)
	go func() { _, _ = io.Copy(tcp, channel); tcp.Close() }()
	_, _ = io.Copy(channel, tcp)
	channel.Close()
}

func (s *sshServer) session(connection ssh.Conn, request ssh.NewChannel) {
	channel, requests, err := request.Accept()
	if err != nil {
		return
	}
	defer channel.Close()
	variables := []string{"PATH=/usr/bin:/bin"}
	for request := range requests {
		switch request.Type {
		case "env":
			var variable struct{ Name, Value string }
			_ = ssh.Unmarshal(request.Payload, &variable)
			allowed := s.environment[variable.Name]
			if allowed {
				variables = append(variables, variable.Name+"="+variable.Value)
			}
			_ = request.Reply(allowed, nil)
		case "exec":
			var payload struct{ Command string }
			_ = ssh.Unmarshal(request.Payload, &payload)
			_ = request.Reply(true, nil)
			command := exec.Command("/bin/sh", "-c", payload.Command)
			command.Env = variables
			command.Stdout, command.Stderr = channel, channel.Stderr()
			stdin, _ := command.StdinPipe()
			go func() { _, _ = io.Copy(stdin, channel); stdin.Close() }()
			go func() { _ = connection.Wait(); _ = command.Process.Kill() }()
			status := struct{ Status uint32 }{}
			if err := command.Start(); err == nil {
				_ = command.Wait()
				status.Status = uint32(command.ProcessState.ExitCode())
			}
			_, _ = channel.SendRequest("exit-status", false, ssh.Marshal(status))
			return
		}
	}
}

// publicKey returns the server's host key in the format of known_hosts.
func (s *sshServer) publicKey() string {
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(s.hostKey.PublicKey())))
}
