package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	provider "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/infer"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// Endpoint is an SSH server with the credentials for it.
type Endpoint struct {
	Host               string   `pulumi:"host"`
	Port               *float64 `pulumi:"port,optional"`
	User               *string  `pulumi:"user,optional"`
	Password           *string  `pulumi:"password,optional" provider:"secret"`
	PrivateKey         *string  `pulumi:"privateKey,optional" provider:"secret"`
	PrivateKeyPassword *string  `pulumi:"privateKeyPassword,optional" provider:"secret"`
	AgentSocketPath    *string  `pulumi:"agentSocketPath,optional"`
	// HostKey is the server's public key, in the format of known_hosts. If it is empty, any key is accepted.
	HostKey *string `pulumi:"hostKey,optional"`
	// DialErrorLimit is the number of retries after a failed attempt; -1 means no limit.
	DialErrorLimit *int `pulumi:"dialErrorLimit,optional"`
	// PerDialTimeout limits the time to open one TCP connection, in seconds; 0 means no limit. It does not
	// limit the SSH handshake that follows.
	PerDialTimeout *int `pulumi:"perDialTimeout,optional"`
}

// Annotate sets the defaults of the official plug-in.
func (e *Endpoint) Annotate(a infer.Annotator) {
	a.SetDefault(&e.Port, 22)
	a.SetDefault(&e.User, "root")
	a.SetDefault(&e.DialErrorLimit, 10)
	a.SetDefault(&e.PerDialTimeout, 15)
}

// Connection is an Endpoint, reached directly or through a jump host.
type Connection struct {
	Endpoint
	Proxy *ProxyConnection `pulumi:"proxy,optional"`
}

// Annotate sets the defaults of the official plug-in.
func (c *Connection) Annotate(a infer.Annotator) { c.Endpoint.Annotate(a) }

// ProxyConnection is a jump host.
type ProxyConnection struct{ Endpoint }

// Annotate sets the defaults of the official plug-in.
func (c *ProxyConnection) Annotate(a infer.Annotator) { c.Endpoint.Annotate(a) }

func (e *Endpoint) address() string {
	return net.JoinHostPort(e.Host, strconv.Itoa(int(*e.Port)))
}

func (e *Endpoint) clientConfig() (*ssh.ClientConfig, error) {
	config := &ssh.ClientConfig{
		User:            *e.User,
		Timeout:         time.Duration(*e.PerDialTimeout) * time.Second,
		HostKeyCallback: ssh.InsecureIgnoreHostKey(),
	}
	if e.HostKey != nil {
		key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(*e.HostKey))
		if err != nil {
			return nil, fmt.Errorf("failed to parse host key: %w", err)
		}
		config.HostKeyCallback = ssh.FixedHostKey(key)
		config.HostKeyAlgorithms = []string{key.Type()}
	}

	if e.PrivateKey != nil {
		signer, err := parsePrivateKey(*e.PrivateKey, e.PrivateKeyPassword)
		if err != nil {
			return nil, err
		}
		config.Auth = append(config.Auth, ssh.PublicKeys(signer))
	}
	if e.Password != nil {
		config.Auth = append(config.Auth, ssh.Password(*e.Password), ssh.KeyboardInteractive(
			func(_, _ string, questions []string, _ []bool) ([]string, error) {
				answers := make([]string, len(questions))
				for i := range answers {
					answers[i] = *e.Password
				}
				return answers, nil
			}))
	}
	socket := os.Getenv("SSH_AUTH_SOCK")
	if e.AgentSocketPath != nil {
		socket = *e.AgentSocketPath
	}
	if socket != "" {
		connection, err := net.Dial("unix", socket)
		if err != nil {
			return nil, err
		}
		config.Auth = append(config.Auth, ssh.PublicKeysCallback(agent.NewClient(connection).Signers))
	}
	return config, nil
}

func parsePrivateKey(pem string, password *string) (ssh.Signer, error) {
	if password != nil {
		return ssh.ParsePrivateKeyWithPassphrase([]byte(pem), []byte(*password))
	}
	return ssh.ParsePrivateKey([]byte(pem))
}

// dial connects and logs in. Through a proxy there are three steps, and each has its own retries. The last step, the
// handshake with the target, is retried over the same TCP connection, which a failed handshake has closed. So it never
// reaches a target that accepts connections before it accepts logins. The official plug-in has the same limit.
func (c *Connection) dial(ctx context.Context) (*ssh.Client, error) {
	config, err := c.clientConfig()
	if err != nil {
		return nil, err
	}
	if c.Proxy == nil {
		return retry(ctx, "Dial", *c.DialErrorLimit, func() (*ssh.Client, error) {
			return ssh.Dial("tcp", c.address(), config)
		})
	}

	proxyConfig, err := c.Proxy.clientConfig()
	if err != nil {
		return nil, fmt.Errorf("proxy: %w", err)
	}
	proxy, err := retry(ctx, "Dial proxy", *c.Proxy.DialErrorLimit, func() (*ssh.Client, error) {
		return ssh.Dial("tcp", c.Proxy.address(), proxyConfig)
	})
	if err != nil {
		return nil, fmt.Errorf("proxy: %w", err)
	}
	client, err := c.dialThrough(ctx, proxy, config)
	if err != nil {
		_ = proxy.Close()
		return nil, fmt.Errorf("proxy: %w", err)
	}
	go func() { // the connection to the proxy is useless once the client is closed
		_ = client.Wait()
		_ = proxy.Close()
	}()
	return client, nil
}

func (c *Connection) dialThrough(ctx context.Context, proxy *ssh.Client, config *ssh.ClientConfig) (*ssh.Client, error) {
	tcp, err := retry(ctx, "Dial from proxy", *c.DialErrorLimit, func() (net.Conn, error) {
		return proxy.Dial("tcp", c.address())
	})
	if err != nil {
		return nil, err
	}
	return retry(ctx, "Dial", *c.DialErrorLimit, func() (*ssh.Client, error) {
		connection, channels, requests, err := ssh.NewClientConn(tcp, c.address(), config)
		if err != nil {
			return nil, err
		}
		return ssh.NewClient(connection, channels, requests), nil
	})
}

// The official plug-in's pauses between attempts: the first pause, its growth factor, the longest pause.
const (
	firstPause  = 100 * time.Millisecond
	pauseFactor = 1.5
	maxPause    = 5 * time.Second
)

// retry calls attempt until it succeeds, until it has failed limit+1 times, or until ctx is done. With limit -1
// the number of failures does not matter.
func retry[T any](ctx context.Context, what string, limit int, attempt func() (T, error)) (T, error) {
	limitText := strconv.Itoa(limit)
	if limit == -1 {
		limitText = "inf"
	}
	pause := firstPause
	for failures := 1; ; failures++ {
		result, err := attempt()
		if err == nil {
			return result, nil
		}
		var none T
		if limit > -1 && failures > limit {
			return none, fmt.Errorf("after %d failed attempts: %w", failures-1, err)
		}
		provider.GetLogger(ctx).InfoStatusf("%s %d/%s failed: retrying", what, failures, limitText)

		select {
		case <-ctx.Done():
			return none, errors.Join(ctx.Err(), err)
		case <-time.After(pause):
		}
		pause = min(time.Duration(float64(pause)*pauseFactor), maxPause)
	}
}
