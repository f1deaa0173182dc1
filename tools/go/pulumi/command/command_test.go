package main

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	provider "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/property"
	rpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/protobuf/types/known/structpb"
)

const (
	remoteURN = resource.URN("urn:pulumi:s::p::command:remote:Command::r")
	localURN  = resource.URN("urn:pulumi:s::p::command:local:Command::l")
)

var ctx = context.Background()

func TestMain(m *testing.M) {
	os.Unsetenv("SSH_AUTH_SOCK") // the developer's keys are not part of the tests
	os.Exit(m.Run())
}

func newPlugin(t *testing.T) provider.Provider {
	t.Helper()
	plugin, err := newProvider()
	check(t, err)
	return plugin
}

type object = map[string]property.Value

func text(value string) property.Value { return property.New(value) }

// connection logs in at server with the private key; limit is dialErrorLimit.
func connection(server *sshServer, privateKey string, limit int) object {
	return object{
		"host":           text("127.0.0.1"),
		"port":           property.New(float64(server.address.Port)),
		"privateKey":     text(privateKey),
		"dialErrorLimit": property.New(float64(limit)),
	}
}

func with(base object, name string, value property.Value) object {
	result := object{name: value}
	for key, other := range base {
		if key != name {
			result[key] = other
		}
	}
	return result
}

// create checks the inputs, as the engine does, and creates the resource.
func create(plugin provider.Provider, urn resource.URN, inputs object) (property.Map, property.Map, error) {
	checked, err := plugin.Check(ctx, provider.CheckRequest{Urn: urn, Inputs: property.NewMap(inputs)})
	if err != nil {
		return property.Map{}, property.Map{}, err
	}
	response, err := plugin.Create(ctx, provider.CreateRequest{Urn: urn, Properties: checked.Inputs})
	return checked.Inputs, response.Properties, err
}

func wantText(t *testing.T, state property.Map, name, want string) {
	t.Helper()
	if got := state.Get(name); !got.IsString() || got.AsString() != want {
		t.Errorf("%s: got %v, want %q", name, got, want)
	}
}

func wantError(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the error lacks %q: %v", part, err)
		}
	}
}

func TestRemoteCommandRunsWithStandardInput(t *testing.T) {
	key, private := newKey(t)
	server := startServer(t, key.PublicKey())
	_, state, err := create(newPlugin(t), remoteURN, object{
		"connection": property.New(connection(server, private, 0)),
		"create":     text("cat; echo; echo warning >&2"),
		"stdin":      text("hello"),
	})
	check(t, err)
	wantText(t, state, "stdout", "hello")
	wantText(t, state, "stderr", "warning")
	if !state.Get("connection").Secret() {
		t.Error("the connection is not secret in the state")
	}
	if state.Get("stdout").Secret() {
		t.Error("stdout is secret: the official plug-in leaves that to additionalSecretOutputs")
	}
}

func TestFailureShowsCommandAndOutput(t *testing.T) {
	key, private := newKey(t)
	server := startServer(t, key.PublicKey())
	_, _, err := create(newPlugin(t), remoteURN, object{
		"connection": property.New(connection(server, private, 0)),
		"create":     text("echo to-out; echo to-err >&2; exit 3"),
	})
	wantError(t, err, "exited with status 3", `running "echo to-out; echo to-err >&2; exit 3"`, "to-out\n", "to-err\n")
}

func TestNothingRunsInPreview(t *testing.T) {
	marker := t.TempDir() + "/ran"
	_, err := newPlugin(t).Create(ctx, provider.CreateRequest{
		Urn:        localURN,
		Properties: property.NewMap(object{"create": text("touch " + marker)}),
		DryRun:     true,
	})
	check(t, err)
	if _, err := os.Stat(marker); err == nil {
		t.Error("the command ran")
	}
}

// The plug-in must name the changed element of `triggers`: the engine replaces a resource only if the path of a change
// matches the SDK's replaceOnChanges, "triggers[*]". Any other change is an update.
func TestDiffNamesWhatChanged(t *testing.T) {
	server, err := provider.RawServer("command", "1.2.1", newPlugin(t))(nil)
	check(t, err)
	inputs := func(triggers, create string, limit float64) *structpb.Struct {
		result, err := structpb.NewStruct(map[string]any{
			"connection": map[string]any{"host": "127.0.0.1", "dialErrorLimit": limit},
			"create":     create,
			"triggers":   []any{triggers},
		})
		check(t, err)
		return result
	}
	olds := inputs("a", "true", 1)
	for name, sample := range map[string]struct {
		news *structpb.Struct
		path string
	}{
		"triggers":   {inputs("b", "true", 1), "triggers[0]"},
		"create":     {inputs("a", "false", 1), "create"},
		"connection": {inputs("a", "true", 2), "connection.dialErrorLimit"},
	} {
		response, err := server.Diff(ctx, &rpc.DiffRequest{
			Id: "id", Urn: string(remoteURN), OldInputs: olds, Olds: olds, News: sample.news,
		})
		check(t, err)
		difference := response.DetailedDiff[sample.path]
		if len(response.DetailedDiff) != 1 || difference.GetKind() != rpc.PropertyDiff_UPDATE {
			t.Errorf("%s: %v", name, response)
		}
	}

	response, err := server.Diff(ctx, &rpc.DiffRequest{
		Id: "id", Urn: string(remoteURN), OldInputs: olds, Olds: olds, News: inputs("a", "true", 1),
	})
	check(t, err)
	if response.Changes != rpc.DiffResponse_DIFF_NONE {
		t.Errorf("no change: %v", response)
	}
}

func TestUpdateGetsPreviousOutputWhereAllowed(t *testing.T) {
	plugin := newPlugin(t)
	inputs := object{"create": text("echo first"), "update": text(`echo "was: $PULUMI_COMMAND_STDOUT"`)}
	for _, sample := range []struct {
		inputs object
		want   string
	}{
		{inputs, "was: first"},
		{with(inputs, "addPreviousOutputInEnv", property.New(false)), "was: "},
	} {
		checked, state, err := create(plugin, localURN, sample.inputs)
		check(t, err)
		response, err := plugin.Update(ctx, provider.UpdateRequest{Urn: localURN, State: state, OldInputs: checked, Inputs: checked})
		check(t, err)
		wantText(t, response.Properties, "stdout", sample.want)
	}
}

func TestEnvironmentNeedsAcceptEnv(t *testing.T) {
	key, private := newKey(t)
	server := startServer(t, key.PublicKey())
	server.environment = map[string]bool{"ALLOWED": true}
	inputs := object{
		"connection":  property.New(connection(server, private, 0)),
		"create":      text("echo $ALLOWED"),
		"environment": property.New(object{"ALLOWED": text("yes")}),
	}
	_, state, err := create(newPlugin(t), remoteURN, inputs)
	check(t, err)
	wantText(t, state, "stdout", "yes")

	_, _, err = create(newPlugin(t), remoteURN, with(inputs, "environment", property.New(object{"REFUSED": text("x")})))
	wantError(t, err, `could not set environment variable "REFUSED"`)
}

func TestHostKeyIsVerifiedWhenGiven(t *testing.T) {
	key, private := newKey(t)
	server := startServer(t, key.PublicKey())
	other := startServer(t, key.PublicKey())
	target := connection(server, private, 0)
	for name, sample := range map[string]struct {
		connection object
		works      bool
	}{
		"none":         {target, true},
		"right":        {with(target, "hostKey", text(server.publicKey())), true},
		"wrong":        {with(target, "hostKey", text(other.publicKey())), false},
		"proxy, right": {with(target, "proxy", property.New(with(connection(other, private, 0), "hostKey", text(other.publicKey())))), true},
		"proxy, wrong": {with(target, "proxy", property.New(with(connection(other, private, 0), "hostKey", text(server.publicKey())))), false},
	} {
		_, _, err := create(newPlugin(t), remoteURN, object{
			"connection": property.New(sample.connection), "create": text("true"),
		})
		if (err == nil) != sample.works {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDirectConnectionIsRetriedUntilLoginWorks(t *testing.T) {
	key, private := newKey(t)
	server := startServer(t)
	time.AfterFunc(300*time.Millisecond, func() { server.accept(key.PublicKey()) })
	_, _, err := create(newPlugin(t), remoteURN, object{
		"connection": property.New(connection(server, private, 10)), "create": text("true"),
	})
	check(t, err)
	if server.connections() < 2 {
		t.Errorf("%d connections", server.connections())
	}
}

func TestDialErrorLimit(t *testing.T) {
	_, private := newKey(t)
	server := startServer(t)
	_, _, err := create(newPlugin(t), remoteURN, object{
		"connection": property.New(connection(server, private, 2)), "create": text("true"),
	})
	wantError(t, err, "after 2 failed attempts", "unable to authenticate")
	if server.connections() != 3 {
		t.Errorf("%d connections; a limit of 2 allows a third attempt", server.connections())
	}
}

func TestThroughProxyFailedHandshakeNeverRecovers(t *testing.T) {
	key, private := newKey(t)
	proxy, target := startServer(t, key.PublicKey()), startServer(t)
	time.AfterFunc(100*time.Millisecond, func() { target.accept(key.PublicKey()) })
	_, _, err := create(newPlugin(t), remoteURN, object{
		"connection": property.New(with(connection(target, private, 3), "proxy", property.New(connection(proxy, private, 0)))),
		"create":     text("true"),
	})
	wantError(t, err, "proxy: after 3 failed attempts")
	if target.connections() != 1 {
		t.Errorf("the target saw %d connections; the official plug-in makes one", target.connections())
	}
}

func TestInterruptEndsRunningCommands(t *testing.T) {
	key, private := newKey(t)
	server := startServer(t, key.PublicKey())
	for urn, inputs := range map[resource.URN]object{
		remoteURN: {"connection": property.New(connection(server, private, 0)), "create": text("exec sleep 60")},
		localURN:  {"create": text("sleep 60")},
	} {
		plugin := newPlugin(t)
		time.AfterFunc(300*time.Millisecond, func() { _ = plugin.Cancel(ctx) })
		started := time.Now()
		_, _, err := create(plugin, urn, inputs)
		if err == nil || time.Since(started) > 10*time.Second {
			t.Errorf("%s: %v after %s", urn, err, time.Since(started))
		}
	}
}

func TestTimeoutDoesNotEndRemoteCommand(t *testing.T) {
	key, private := newKey(t)
	server := startServer(t, key.PublicKey())
	plugin := newPlugin(t)
	checked, err := plugin.Check(ctx, provider.CheckRequest{Urn: remoteURN, Inputs: property.NewMap(object{
		"connection": property.New(connection(server, private, 0)), "create": text("sleep 2; echo done"),
	})})
	check(t, err)
	response, err := plugin.Create(ctx, provider.CreateRequest{Urn: remoteURN, Properties: checked.Inputs, Timeout: 1})
	check(t, err)
	wantText(t, response.Properties, "stdout", "done")
}
