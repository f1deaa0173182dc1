// Command language-host is pulumi-language-nodejs: the process through which the Pulumi engine runs
// Node.js programs, generates SDKs and installs dependencies.
//
// Pulumi's own host is released as a binary only (its Go module is not published), so on a machine that
// reaches nothing but package registries this one takes its place. It does what this project needs of the
// host: TypeScript programs, npm, local packages (sdks/…), policy packs and plug-ins written in TypeScript.
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

// Schemas of whole clouds are larger than gRPC's default limit of 4 MiB; this is the engine's own limit.
const maxMessageBytes = 400 << 20

// host answers the engine; its methods are spread over run.go and packages.go.
type host struct {
	pb.UnimplementedLanguageRuntimeServer
	// engine is the address of the engine's own gRPC server; programs log through it.
	engine string
}

func main() {
	// Flags that the engine may pass to Pulumi's own host and that have no meaning here.
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

	// The engine ends its plug-ins with SIGINT and waits for them. Asking for the signal matters even when it
	// was ignored at start (a job of a non-interactive shell): the engine would wait for seconds otherwise.
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
