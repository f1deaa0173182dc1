// Command language-host is pulumi-language-nodejs: the process through which the Pulumi engine runs
// Node.js programs, generates SDKs and installs dependencies.
//
// It replaces Pulumi's own host on a machine that reaches only package registries, because Pulumi releases that
// host as a binary and does not publish its Go module. It supports what this project needs: TypeScript programs,
// npm, local packages (sdks/…), policy packs, and plug-ins written in TypeScript.
package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"syscall"

	"github.com/pulumi/pulumi/sdk/v3/go/common/version"
	pb "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/emptypb"
)

// This is the engine's own limit. gRPC's default of 4 MiB is too small for the schema of a whole cloud.
const maxMessageBytes = 400 << 20

// host answers the engine; its methods are in run.go and packages.go.
type host struct {
	pb.UnimplementedLanguageRuntimeServer
	// engine is the address of the engine's own gRPC server, to which programs send their logs.
	engine string
}

func main() {
	// The engine may pass these flags to Pulumi's own host; they have no meaning here.
	flags := flag.NewFlagSet("language-host", flag.ContinueOnError)
	flags.String("tracing", "", "ignored")
	flags.String("root", "", "ignored")
	if err := flags.Parse(os.Args[1:]); err != nil {
		fail(err)
	}

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fail(err)
	}
	server := grpc.NewServer(grpc.MaxRecvMsgSize(maxMessageBytes), grpc.MaxSendMsgSize(maxMessageBytes))
	pb.RegisterLanguageRuntimeServer(server, &host{engine: flags.Arg(0)})

	// The engine ends its plug-ins with SIGINT and waits for them. The handler is necessary even if the signal was
	// ignored at the start (a job of a non-interactive shell): otherwise the engine would wait for seconds.
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		<-signals
		server.Stop()
	}()

	fmt.Println(listener.Addr().(*net.TCPAddr).Port) // the engine reads the port from the first line
	if err := server.Serve(listener); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "pulumi-language-nodejs:", err)
	os.Exit(1)
}

func (h *host) Handshake(_ context.Context, request *pb.LanguageHandshakeRequest) (*pb.LanguageHandshakeResponse, error) {
	h.engine = request.EngineAddress
	return &pb.LanguageHandshakeResponse{}, nil
}

func (h *host) GetPluginInfo(context.Context, *emptypb.Empty) (*pb.PluginInfo, error) {
	return &pb.PluginInfo{Version: version.Version}, nil
}
