package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"

	provider "github.com/pulumi/pulumi-go-provider"
)

// Script has the inputs that local and remote commands share: which command runs when.
type Script struct {
	Triggers *[]any  `pulumi:"triggers,optional" provider:"replaceOnChanges"`
	Create   *string `pulumi:"create,optional"`
	Update   *string `pulumi:"update,optional"`
	Delete   *string `pulumi:"delete,optional"`

	Stdin                  *string           `pulumi:"stdin,optional"`
	Environment            map[string]string `pulumi:"environment,optional"`
	Logging                *string           `pulumi:"logging,optional"`
	AddPreviousOutputInEnv *bool             `pulumi:"addPreviousOutputInEnv,optional"`
}

// onUpdate returns the command that runs after a changed input.
func (s Script) onUpdate() *string {
	if s.Update != nil {
		return s.Update
	}
	return s.Create
}

// Result is the part of the state that a command's output fills.
type Result struct {
	Stdout string `pulumi:"stdout"`
	Stderr string `pulumi:"stderr"`
}

// previous returns the results of the earlier run as environment variables, unless the inputs switch that off.
func (s Script) previous(result Result) map[string]string {
	variables := map[string]string{}
	if s.AddPreviousOutputInEnv != nil && !*s.AddPreviousOutputInEnv {
		return variables
	}
	if result.Stdout != "" {
		variables["PULUMI_COMMAND_STDOUT"] = result.Stdout
	}
	if result.Stderr != "" {
		variables["PULUMI_COMMAND_STDERR"] = result.Stderr
	}
	return variables
}

// logs reports whether a stream ("stdout" or "stderr") is shown while the command runs.
func (s Script) logs(stream string) bool {
	return s.Logging == nil || *s.Logging == stream || *s.Logging == "stdoutAndStderr"
}

// output collects a command's output, and shows it line by line while the command runs.
type output struct {
	stdout, stderr io.Writer

	out, err, both bytes.Buffer
	shown          *io.PipeWriter
	done           chan struct{}
}

func newOutput(ctx context.Context, script Script) *output {
	reader, shown := io.Pipe()
	o := &output{shown: shown, done: make(chan struct{})}
	o.stdout = o.collect(&o.out, script.logs("stdout"))
	o.stderr = o.collect(&o.err, script.logs("stderr"))
	go func() {
		defer close(o.done)
		lines := bufio.NewScanner(reader)
		for lines.Scan() {
			provider.GetLogger(ctx).InfoStatus(lines.Text())
		}
		_, _ = io.Copy(io.Discard, reader) // a line too long for the scanner must not block the command
	}()
	return o
}

func (o *output) collect(buffer *bytes.Buffer, show bool) io.Writer {
	if show {
		return io.MultiWriter(buffer, &o.both, o.shown)
	}
	return io.MultiWriter(buffer, &o.both)
}

// result is called once, when the command has ended with err. As in the official plug-in, the message of a
// failure contains the whole command and its output, so secrets belong on standard input.
func (o *output) result(command string, err error) (Result, error) {
	_ = o.shown.Close()
	<-o.done
	if err != nil {
		return Result{}, fmt.Errorf("%w: running %q:\n%s", err, command, o.both.String())
	}
	return Result{
		Stdout: strings.TrimSuffix(o.out.String(), "\n"),
		Stderr: strings.TrimSuffix(o.err.String(), "\n"),
	}, nil
}
