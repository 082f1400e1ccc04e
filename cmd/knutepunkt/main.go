// The program knutepunkt is the whole platform in one binary: the sandbox that a
// developer starts on a laptop, and the tools around it.
//
// Exit codes: 0 done, 1 failed, 2 called in a wrong way.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // the first signal stops gently, a second one at once
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// command is one subcommand.
type command struct {
	name    string // one or two words, as typed
	args    string // what follows the flags, for the usage line
	summary string
	help    string // longer text with an example
	// setup declares the flags and gives what is done once they are parsed.
	setup func(*flag.FlagSet) action
}

// action does the command's work; args are what is left after the flags. A
// usageError is the caller's fault, any other error a failure.
type action func(ctx context.Context, t terminal, args []string) error

// terminal is where a command writes: results to out, the rest to err.
type terminal struct{ out, err io.Writer }

// usageError tells that the command was called in a wrong way.
type usageError struct{ msg string }

func (e usageError) Error() string { return e.msg }

func usagef(format string, args ...any) error { return usageError{fmt.Sprintf(format, args...)} }

func commands() []command {
	return []command{
		sandboxCommand(),
		navSendCommand(),
		fagsystemListenCommand(),
		svarinnFetchCommand(),
		auditVerifyCommand(),
		keysListCommand(),
		keysRotateCommand(),
		keysExportCommand(),
		migrateUpCommand(),
		migrateStatusCommand(),
		versionCommand(),
	}
}

// notYet are commands of the plan that are not built: they are refused by name,
// so that nobody takes silence for success.
var notYet = []string{"serve", "config", "conform"}

// run is the program, apart from the process it runs in. It returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		overview(stderr)
		return exitUsage
	}
	switch args[0] {
	case "-h", "-help", "--help", "help":
		if len(args) == 1 || args[0] != "help" {
			overview(stdout)
			return exitOK
		}
		args = append(args[1:len(args):len(args)], "--help")
	case "--version", "-version":
		args = []string{"version"}
	}
	for _, name := range notYet {
		if args[0] == name {
			fmt.Fprintf(stderr, "knutepunkt: «%s» is not in this edition yet\n", name)
			return exitUsage
		}
	}
	var group []command
	for _, c := range commands() {
		words := strings.Fields(c.name)
		if words[0] != args[0] {
			continue
		}
		if len(words) == 1 {
			return c.run(ctx, args[1:], stdout, stderr)
		}
		if len(args) > 1 && words[1] == args[1] {
			return c.run(ctx, args[2:], stdout, stderr)
		}
		group = append(group, c)
	}
	if len(group) > 0 {
		out, code := stderr, exitUsage
		if len(args) > 1 && isHelp(args[1]) {
			out, code = stdout, exitOK
		}
		list(out, group)
		return code
	}
	fmt.Fprintf(stderr, "knutepunkt: there is no command «%s». Run 'knutepunkt --help' for those there are.\n", args[0])
	return exitUsage
}

func isHelp(arg string) bool { return arg == "-h" || arg == "-help" || arg == "--help" }

func (c command) run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	fs := flag.NewFlagSet(c.name, flag.ContinueOnError)
	fs.SetOutput(io.Discard) // we print the errors ourselves
	do := c.setup(fs)
	rest, err := parse(fs, args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		c.usage(stdout, fs)
		return exitOK
	case err != nil:
		err = usageError{err.Error()}
	case c.args == "" && len(rest) > 0:
		err = usagef("unexpected argument «%s»", rest[0])
	default:
		err = do(ctx, terminal{out: stdout, err: stderr}, rest)
	}
	if err == nil {
		return exitOK
	}
	fmt.Fprintf(stderr, "knutepunkt %s: %v\n", c.name, err)
	if _, ok := errors.AsType[usageError](err); ok {
		fmt.Fprintf(stderr, "Run 'knutepunkt %s --help' for usage.\n", c.name)
		return exitUsage
	}
	return exitFailed
}

// parse takes flags also after other arguments; what follows "--" is no flag.
func parse(fs *flag.FlagSet, args []string) (rest []string, err error) {
	for {
		if err := fs.Parse(args); err != nil {
			return nil, err
		}
		left := fs.Args()
		if len(left) == 0 {
			return rest, nil
		}
		if i := len(args) - len(left) - 1; i >= 0 && args[i] == "--" {
			return append(rest, left...), nil
		}
		rest, args = append(rest, left[0]), left[1:]
	}
}

func overview(w io.Writer) {
	fmt.Fprint(w, "Knutepunkt is an open Fiks platform in one binary.\n\n"+
		"Usage: knutepunkt COMMAND [flags]\n\nCommands:\n")
	list(w, commands())
	fmt.Fprint(w, "\nStart here:\n  knutepunkt sandbox --demo\n\n'knutepunkt COMMAND --help' tells more about each.\n")
}

func list(w io.Writer, cs []command) {
	for _, c := range cs {
		fmt.Fprintf(w, "  %-24s %s\n", c.name, c.summary)
	}
}

func (c command) usage(w io.Writer, fs *flag.FlagSet) {
	fmt.Fprintf(w, "%s.\n\nUsage: knutepunkt %s [flags]", c.summary, c.name)
	if c.args != "" {
		fmt.Fprintf(w, " %s", c.args)
	}
	fmt.Fprintf(w, "\n\n%s", strings.TrimLeft(c.help, "\n"))
	var flags []*flag.Flag
	fs.VisitAll(func(f *flag.Flag) { flags = append(flags, f) })
	if len(flags) == 0 {
		return
	}
	fmt.Fprint(w, "\nFlags:\n")
	for _, f := range flags {
		value, text := flag.UnquoteUsage(f)
		if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "0" {
			text += " (default " + f.DefValue + ")"
		}
		fmt.Fprintf(w, "  %-28s %s\n", strings.TrimRight("--"+f.Name+" "+value, " "), text)
	}
}
