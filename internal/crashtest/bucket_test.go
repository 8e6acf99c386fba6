package crashtest

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rdsupgrade/rdsupgrade/internal/s3like"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/journal"
)

// team is a world whose state is in a bucket that several hosts share.
type team struct {
	*world
	bucket *s3like.Server
	url    string
}

func newTeam(t *testing.T, speed float64) *team {
	t.Helper()
	b := &s3like.Server{}
	srv := httptest.NewServer(b)
	t.Cleanup(srv.Close)
	return &team{world: newWorld(t, speed, calm), bucket: b, url: srv.URL}
}

// host is the binary on a machine of its own: no file is shared with another.
func (c *team) host(args ...string) *exec.Cmd {
	cmd := exec.Command(binary, append(args, "plan.yaml", "--endpoint-url", c.sim.URL, "--state", "s3://bucket/campaign")...)
	cmd.Dir = c.dir
	home := c.t.TempDir()
	cmd.Env = append(c.command("run").Env, "AWS_ENDPOINT_URL_S3="+c.url, "HOME="+home, "XDG_CACHE_HOME="+home)
	return cmd
}

func (c *team) do(args ...string) (code int, out string) {
	c.t.Helper()
	cmd := c.host(args...)
	b, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		c.t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(b)
}

// begin starts a run and waits until it has changed n things at RDS.
func (c *team) begin(n int, args ...string) (*exec.Cmd, *bytes.Buffer) {
	c.t.Helper()
	cmd := c.host(append([]string{"run"}, args...)...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { _ = cmd.Process.Kill() }) // it is over already, mostly
	c.await(&out, func() bool { return c.moved() >= n })
	return cmd, &out
}

// await waits until something is so; out is what the host said until then.
func (c *team) await(out *bytes.Buffer, so func() bool) {
	c.t.Helper()
	for deadline := time.Now().Add(time.Minute); !so(); {
		if time.Now().After(deadline) {
			c.t.Fatalf("waited in vain, with %d changes\n%s", c.moved(), out.String())
		}
		time.Sleep(time.Millisecond)
	}
}

// kill ends a host without warning.
func kill(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
}

// whole checks the joined journal's chain.
func (c *team) whole(prefix string) {
	c.t.Helper()
	n := 0
	if err := journal.ReadFrom(bytes.NewReader(c.bucket.Joined(prefix)), prefix, func(journal.Entry) { n++ }); err != nil {
		c.t.Error(err)
	}
	c.t.Logf("%s: %d entries", prefix, n)
}

var leaseID = regexp.MustCompile(`the lease ([A-Z2-7]+) ends`)

// A host dies; another one is refused as long as the lease lasts, is told who
// holds it, and carries the campaign to its end afterwards.
func TestBucketOutlivesAHost(t *testing.T) {
	for _, c := range []struct {
		name string
		take func(c *team, refusal string) []string
	}{
		{"after the lease", func(c *team, _ string) []string { c.bucket.Advance(journal.LeaseTTL + time.Second); return nil }},
		{"with the holder's id", func(_ *team, refusal string) []string {
			return []string{"--take-over", leaseID.FindStringSubmatch(refusal)[1]}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newTeam(t, 900)
			first, _ := w.begin(15)
			kill(t, first)
			code, out := w.do("run")
			if code != 4 || !strings.Contains(out, "anna") || !strings.Contains(out, "run plan.yaml") || !leaseID.MatchString(out) {
				t.Fatalf("beside the dead host's lease: exit %d\n%s", code, out)
			}
			if code, out = w.do("run", "--take-over", "WRONGID"); code != 4 {
				t.Fatalf("with a wrong id: exit %d\n%s", code, out)
			}
			if code, out = w.do(append([]string{"run"}, c.take(w, out)...)...); code != 0 {
				t.Fatalf("the second host: exit %d\n%s", code, out)
			}
			w.once()
			if code, out = w.do("status", "--output", "json"); code != 0 || strings.Count(out, `"stage": "done"`) != databases {
				t.Errorf("status on a third host: exit %d\n%s", code, out)
			}
		})
	}
}

// once checks that everything was done once, with the journal in the bucket.
func (c *team) once() {
	c.t.Helper()
	for what, n := range c.changes() {
		if n != 1 {
			c.t.Errorf("%s: %d times", what, n)
		}
	}
	c.whole("campaign/journal/")
}

// A bucket that takes no more writes stops a run before its next change.
func TestBucketRefuses(t *testing.T) {
	w := newTeam(t, 900)
	first, out := w.begin(15)
	w.bucket.Refuse(func(method, _ string) int {
		if method == http.MethodPut {
			return http.StatusForbidden
		}
		return 0
	})
	_ = first.Wait() // its exit code is judged below
	if code := first.ProcessState.ExitCode(); code == 0 || code == 3 {
		t.Errorf("exit %d\n%s", code, out.String())
	}
	// Every change was announced in the journal before it was made.
	intents := 0
	if err := journal.ReadFrom(bytes.NewReader(w.bucket.Joined("campaign/journal/")), "journal", func(e journal.Entry) {
		if e.Kind == journal.Intent {
			intents++
		}
	}); err != nil {
		t.Error(err)
	}
	changes := 0
	for _, n := range w.changes() {
		changes += n
	}
	if changes > intents {
		t.Errorf("%d changes, %d announced", changes, intents)
	}
	w.bucket.Refuse(nil)
	w.bucket.Advance(journal.LeaseTTL + time.Second)
	if code, out := w.do("run"); code != 0 {
		t.Fatalf("afterwards: exit %d\n%s", code, out)
	}
	w.once()
}

// Two hosts at once, each with a wave of its own; a third with everything is refused.
func TestBucketShares(t *testing.T) {
	quiet := newWorld(t, 900, calm)
	if code, out := quiet.run("run"); code != 0 {
		t.Fatalf("undisturbed: exit %d\n%s", code, out)
	}
	w := newTeam(t, 300)
	prod, prodOut := w.begin(1, "--share", "wave:prod")
	test, testOut := w.begin(1, "--share", "wave:test")
	// Both must hold their leases: a run of everything takes its own lease before
	// it finds theirs, and a part that begins in that moment is refused.
	w.await(testOut, func() bool { return len(w.bucket.Joined("campaign/shares/wave-test/journal/")) > 0 })
	if code, out := w.do("run"); code != 4 || !strings.Contains(out, "anna") {
		t.Errorf("all of it beside its shares: exit %d\n%s", code, out)
	}
	if code, out := w.do("run", "--share", "wave:prod"); code != 4 {
		t.Errorf("the same share twice: exit %d\n%s", code, out)
	}
	for _, h := range []struct {
		cmd *exec.Cmd
		out *bytes.Buffer
	}{{prod, prodOut}, {test, testOut}} {
		if err := h.cmd.Wait(); err != nil {
			t.Errorf("%v\n%s", err, h.out.String())
		}
	}
	if diff := cmp.Diff(quiet.final(), w.final()); diff != "" {
		t.Errorf("the end differs (-one host +two):\n%s", diff)
	}
	for what, n := range w.changes() {
		if n != 1 && !strings.HasPrefix(what, "CreateDBParameterGroup") && !strings.HasPrefix(what, "CreateOptionGroup") {
			t.Errorf("%s: %d times", what, n)
		}
	}
	w.whole("campaign/shares/wave-prod/journal/")
	w.whole("campaign/shares/wave-test/journal/")
}
