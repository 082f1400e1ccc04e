// The program suite runs the whole test suite of the repository and ends with one
// line of counts. Its arguments are the steps to run: lint, test, race, fuzz.
//
// What goes well is told in one line per package; of what fails the whole output
// is shown, and what was skipped is listed by name. It exits with 1 when anything
// failed.
package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// golangci is the pinned linter; it is built by Go and kept in bin/tools.
const (
	golangci        = "github.com/golangci/golangci-lint/v2/cmd/golangci-lint"
	golangciVersion = "v2.15.0"
)

// raced are the packages that the race detector runs over, but for those in unshared.
var raced = []string{"./internal/...", "./client/...", "./cmd/..."}

// unshared are packages in which nothing is shared between goroutines: writers and readers
// of one document each, and pages that keep nothing between requests (what they stand on is
// raced). Over them the detector takes minutes and can find nothing.
var unshared = []string{"internal/lesbart", "internal/pdf", "internal/portal/forvaltning", "internal/portal/mottak", "internal/portal/utvikler"}

// notRaced are the tests that start a browser: they run in the step test, and the
// handlers behind the pages are raced by the tests beside them.
const notRaced = "^TestNettleser"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	s := suite{out: os.Stdout, start: time.Now()}
	ok := s.run(ctx, os.Args[1:])
	stop()
	if !ok {
		os.Exit(1)
	}
}

type suite struct {
	out   io.Writer
	start time.Time

	passed  int
	failed  []string
	skipped []string
}

func (s *suite) run(ctx context.Context, steps []string) bool {
	all := map[string]func(context.Context){"lint": s.lint, "test": s.test, "race": s.race, "fuzz": s.fuzz}
	if len(steps) == 0 {
		fmt.Fprintln(s.out, "usage: suite STEP..., of lint, test, race, fuzz")
		return false
	}
	for _, name := range steps {
		step := all[name]
		if step == nil {
			fmt.Fprintf(s.out, "suite: no step %q\n", name)
			return false
		}
		began := time.Now()
		fmt.Fprintf(s.out, "== %s\n", name)
		step(ctx)
		fmt.Fprintf(s.out, "== %s took %s\n", name, time.Since(began).Round(time.Second))
	}
	return s.tell()
}

// tell prints the account and answers whether all is well. Nothing run is not well.
func (s *suite) tell() bool {
	for _, name := range s.skipped {
		fmt.Fprintln(s.out, "skipped:", name)
	}
	for _, name := range s.failed {
		fmt.Fprintln(s.out, "FAILED:", name)
	}
	fmt.Fprintf(s.out, "took %s\n", time.Since(s.start).Round(time.Second))
	fmt.Fprintf(s.out, "%d passed, %d failed, %d skipped\n", s.passed, len(s.failed), len(s.skipped))
	return len(s.failed) == 0 && s.passed > 0
}

// check counts something that is no Go test, such as a linter.
func (s *suite) check(name, output string, err error) {
	if err == nil {
		s.passed++
		fmt.Fprintf(s.out, "ok    %s\n", name)
		return
	}
	s.failed = append(s.failed, name)
	fmt.Fprintf(s.out, "%s\nFAIL  %s: %v\n", strings.TrimSpace(output), name, err)
}

func (s *suite) lint(ctx context.Context) {
	output, err := command(ctx, nil, "gofmt", "-l", ".")
	if err == nil && strings.TrimSpace(output) != "" {
		err = errors.New("these files are not formatted")
	}
	s.check("gofmt", output, err)

	output, err = command(ctx, nil, "go", "vet", "./...")
	s.check("go vet", output, err)

	tool, err := filepath.Abs(filepath.Join("bin", "tools", golangciVersion, "golangci-lint"))
	if err == nil {
		if _, missing := os.Stat(tool); missing != nil {
			fmt.Fprintf(s.out, "building golangci-lint %s\n", golangciVersion)
			output, err = command(ctx, []string{"GOBIN=" + filepath.Dir(tool), "CGO_ENABLED=0", "GOFLAGS="},
				"go", "install", golangci+"@"+golangciVersion)
		}
	}
	if err != nil {
		s.check("golangci-lint (it could not be built)", output, err)
		return
	}
	output, err = command(ctx, nil, tool, "run", "./...")
	s.check("golangci-lint", output, err)
}

func (s *suite) test(ctx context.Context) {
	s.goTest(ctx, "", nil, "-count=1", "-timeout=15m", "./...")
}

// sqliteNotRaced leaves SQLite's own code, made from C, without the detector: what it works
// on lies outside Go's heap, where the detector sees nothing, and it took a quarter of the step.
const sqliteNotRaced = "-gcflags=modernc.org/sqlite/lib=-race=false"

func (s *suite) race(ctx context.Context) {
	output, err := command(ctx, nil, "go", append([]string{"list"}, raced...)...)
	if err != nil {
		s.check("finding the packages to race", output, err)
		return
	}
	pakker := slices.DeleteFunc(strings.Fields(output), func(p string) bool {
		return slices.ContainsFunc(unshared, func(i string) bool { return strings.HasSuffix(p, "/"+i) })
	})
	args := append([]string{"-race", sqliteNotRaced, "-count=1", "-timeout=15m", "-skip=" + notRaced}, pakker...)
	s.goTest(ctx, "race ", []string{"CGO_ENABLED=1"}, args...)
}

// fuzz tries some thousand inputs on each fuzz target; seeds alone are run by test already.
// A number and not a time: at the end of a time the fuzzer now and then tells that end as
// a failure.
// They are new inputs: with containers as seeds, making one shorter took all there was.
func (s *suite) fuzz(ctx context.Context) {
	fuzztime := cmp.Or(os.Getenv("FUZZTIME"), "3000x")
	output, err := command(ctx, nil, "go", "test", "-list=^Fuzz", "-json", "./...")
	if err != nil {
		s.check("finding the fuzz targets", output, err)
		return
	}
	found := 0
	for e := range events(strings.NewReader(output)) {
		target := strings.TrimSpace(e.Output)
		if !strings.HasPrefix(target, "Fuzz") {
			continue
		}
		found++
		s.goTest(ctx, target+" ", nil, "-run=^$", "-fuzz=^"+target+"$", "-fuzztime="+fuzztime, "-fuzzminimizetime=1x", e.Package)
	}
	if found == 0 {
		s.check("finding the fuzz targets", "", errors.New("there are none"))
	}
}

// event is a line of go test -json.
type event struct {
	Action, Package, ImportPath, Test, Output string
	Elapsed                                   float64 // seconds
}

// events reads go test -json; what is no event is given as output of no test.
func events(r io.Reader) func(yield func(event) bool) {
	return func(yield func(event) bool) {
		d := json.NewDecoder(r)
		for {
			var e event
			if err := d.Decode(&e); err != nil {
				if !errors.Is(err, io.EOF) {
					rest, _ := io.ReadAll(io.MultiReader(d.Buffered(), r))
					yield(event{Action: "output", Output: string(rest)})
				}
				return
			}
			if !yield(e) {
				return
			}
		}
	}
}

// goTest runs go test with args and counts every test and subtest.
func (s *suite) goTest(ctx context.Context, label string, env []string, args ...string) {
	cmd := exec.CommandContext(ctx, "go", append([]string{"test", "-json"}, args...)...)
	cmd.Env = append(append(os.Environ(), "KNUTEPUNKT_REQUIRE_PEERS=1"), env...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		s.check(label+"go test", "", err)
		return
	}
	before := len(s.failed)
	s.count(label, out)
	if err := cmd.Wait(); err != nil && len(s.failed) == before {
		s.check(label+"go test", stderr.String(), err) // it failed without any test having failed
	}
}

// count takes in the events of one run.
func (s *suite) count(label string, r io.Reader) {
	type key struct{ pkg, test string }
	outputs := map[key]*strings.Builder{}
	failures := map[string]int{}
	for e := range events(r) {
		pkg := cmp.Or(e.Package, e.ImportPath)
		k := key{pkg, e.Test}
		switch e.Action {
		case "output", "build-output":
			if outputs[k] == nil {
				outputs[k] = new(strings.Builder)
			}
			outputs[k].WriteString(e.Output)
			continue
		case "pass", "skip", "fail", "build-fail":
		default:
			continue
		}
		name := strings.TrimSpace(label + pkg + " " + e.Test)
		switch {
		case e.Test != "" && e.Action == "pass":
			s.passed++
		case e.Test != "" && e.Action == "skip":
			s.skipped = append(s.skipped, name+reason(outputs[k]))
		case e.Action == "fail" && e.Test == "" && failures[pkg] > 0:
			fmt.Fprintf(s.out, "FAIL  %s%s\n", label, pkg)
		case e.Action == "fail" || e.Action == "build-fail":
			failures[pkg]++
			s.failed = append(s.failed, name)
			if b := outputs[k]; b != nil {
				fmt.Fprintf(s.out, "--- FAIL: %s\n%s", name, b)
			}
		case e.Action == "pass":
			fmt.Fprintf(s.out, "ok    %s%s  %.1fs\n", label, pkg, e.Elapsed)
		}
		if e.Test != "" {
			delete(outputs, k)
		}
	}
	// What came outside all events, such as a word from the go command itself.
	if b := outputs[key{}]; b != nil {
		fmt.Fprint(s.out, b)
	}
}

// reason is the line in which a test told why it was skipped.
func reason(b *strings.Builder) string {
	if b == nil {
		return ""
	}
	for line := range strings.Lines(b.String()) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "===") && !strings.HasPrefix(line, "---") {
			return ": " + line
		}
	}
	return ""
}

// command runs a program and gives all it wrote.
func command(ctx context.Context, env []string, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = slices.Concat(os.Environ(), env)
	out, err := cmd.CombinedOutput()
	return string(out), err
}
