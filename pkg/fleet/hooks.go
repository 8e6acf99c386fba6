package fleet

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/plan"
)

// HookCall is what a hook is told: as JSON on a program's standard input, or as
// the body of a request.
type HookCall struct {
	Hook string `json:"hook"`
	When string `json:"when"`
	// ID is the same for every call about one moment: a hook may be called more
	// than once, and knows by it what it has done already. Attempt counts the
	// calls, from 1.
	ID      string `json:"id"`
	Attempt int    `json:"attempt"`

	Campaign string `json:"campaign"`
	Wave     string `json:"wave"`
	// Database and what follows are empty at a wave's own moments.
	Database    string   `json:"database,omitempty"`
	Account     string   `json:"account,omitempty"`
	Region      string   `json:"region,omitempty"`
	Service     string   `json:"service,omitempty"`
	Owner       string   `json:"owner,omitempty"`
	Stage       string   `json:"stage,omitempty"`
	FromVersion string   `json:"from_version,omitempty"`
	ToVersion   string   `json:"to_version,omitempty"`
	Endpoint    string   `json:"endpoint,omitempty"` // host:port that clients use
	Greens      []string `json:"greens,omitempty"`
	OldBlue     string   `json:"old_blue,omitempty"`
	Deployment  string   `json:"deployment,omitempty"`
	// Outcome is of a moment that is over: switched or not-switched, built,
	// rolled-back, or a wave's state.
	Outcome string `json:"outcome,omitempty"`
	// By is who runs the campaign, ApprovedBy who approved the wave.
	By         string    `json:"by"`
	ApprovedBy string    `json:"approved_by,omitempty"`
	At         time.Time `json:"at"`
}

// HookAnswer is what a hook said.
type HookAnswer struct {
	Verdict bluegreen.GateVerdict `json:"verdict"`
	// Later: not now; After is how long to wait, 0 for the plan's own time.
	Later bool          `json:"later,omitempty"`
	After time.Duration `json:"after,omitempty"`
	// Words are the hook's own, bounded and without secrets.
	Words string `json:"words,omitempty"`
}

const (
	// exitLater is EX_TEMPFAIL of sysexits: not now, ask again.
	exitLater = 75
	// mostWords and mostOutput bound what is kept and what is read of a hook's output.
	mostWords, mostOutput = 500, 64 << 10
	// longestAfter bounds the patience that a webhook may ask for.
	longestAfter = 24 * time.Hour
)

// passedOn are the variables that every hook's program gets.
var passedOn = []string{"PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR"}

// CallHook calls a program or an address, and waits for its answer, at most
// for the hook's timeout. secrets are environment variables whose values must
// not come back in its words.
func CallHook(secrets []string) func(context.Context, plan.Hook, HookCall) HookAnswer {
	return func(ctx context.Context, h plan.Hook, c HookCall) HookAnswer {
		body, err := json.Marshal(c)
		if err != nil {
			return cannotTell("encode the call: " + err.Error())
		}
		limit, cancel := context.WithTimeout(ctx, h.Timeout)
		defer cancel()
		var a HookAnswer
		if len(h.Command) > 0 {
			a = callProgram(limit, h, c, body)
		} else {
			a = callAddress(limit, h, c, body)
		}
		if limit.Err() != nil && ctx.Err() == nil {
			a = cannotTell("no answer within " + h.Timeout.String())
		}
		a.Words = scrub(a.Words, append(slices.Clone(secrets), h.HMACEnv))
		return a
	}
}

// SecretNames are the environment variables of a plan that hold secrets.
func SecretNames(p *plan.Plan) []string {
	return []string{p.Connection.PasswordEnv, p.Switchover.WayBack.PasswordEnv, "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"}
}

func cannotTell(why string) HookAnswer {
	return HookAnswer{Verdict: bluegreen.GateInconclusive, Words: why}
}

// callProgram runs a program without a shell, in a process group of its own:
// an interrupt of the run lets it end, its timeout ends all of it.
func callProgram(ctx context.Context, h plan.Hook, c HookCall, body []byte) HookAnswer {
	cmd := exec.CommandContext(ctx, h.Command[0], h.Command[1:]...)
	cmd.Stdin = bytes.NewReader(body)
	cmd.WaitDelay = time.Second // a child that keeps the pipe open does not keep us
	cmd.Env = []string{"RDSUPGRADE_HOOK=" + c.When}
	for _, name := range append(passedOn, h.PassEnv...) {
		if v, ok := os.LookupEnv(name); ok {
			cmd.Env = append(cmd.Env, name+"="+v)
		}
	}
	ownGroup(cmd)
	out := &bounded{most: mostOutput}
	cmd.Stdout, cmd.Stderr = out, out
	err := cmd.Run()
	words := firstWords(out.String())
	var exit *exec.ExitError
	switch {
	case err == nil, errors.Is(err, exec.ErrWaitDelay):
		return HookAnswer{Verdict: bluegreen.GatePass, Words: words}
	case errors.As(err, &exit) && exit.ExitCode() == exitLater:
		return HookAnswer{Verdict: bluegreen.GateFail, Later: true, Words: words}
	case errors.As(err, &exit) && exit.ExitCode() > 0:
		return HookAnswer{Verdict: bluegreen.GateFail, Words: strings.TrimSpace(fmt.Sprintf("exit code %d %s", exit.ExitCode(), words))}
	}
	return cannotTell(strings.TrimSpace(err.Error() + " " + words))
}

// callAddress posts the call. Redirections are not followed: they are no answer.
func callAddress(ctx context.Context, h plan.Hook, c HookCall, body []byte) HookAnswer {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.URL, bytes.NewReader(body))
	if err != nil {
		return cannotTell(err.Error())
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "rdsupgrade")
	req.Header.Set("X-Rdsupgrade-Event", c.When)
	req.Header.Set("Idempotency-Key", c.ID)
	if h.HMACEnv != "" {
		key := os.Getenv(h.HMACEnv)
		if key == "" {
			return cannotTell("the environment variable " + h.HMACEnv + " (hmac_env) is not set")
		}
		at := strconv.FormatInt(c.At.Unix(), 10)
		req.Header.Set("X-Rdsupgrade-Timestamp", at)
		req.Header.Set("X-Rdsupgrade-Signature", "sha256="+Signature(key, at, body))
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		return cannotTell(err.Error())
	}
	defer resp.Body.Close()
	out := &bounded{most: mostOutput}
	_, _ = io.Copy(out, io.LimitReader(resp.Body, mostOutput)) // an answer cut short still has its code
	words := strings.TrimSpace(resp.Status + " " + firstWords(out.String()))
	after, wait := retryAfter(resp.Header.Get("Retry-After"), time.Now())
	switch code := resp.StatusCode; {
	case code >= 200 && code < 300:
		return HookAnswer{Verdict: bluegreen.GatePass, Words: firstWords(out.String())}
	case (code == http.StatusTooManyRequests || code == http.StatusServiceUnavailable) && wait:
		return HookAnswer{Verdict: bluegreen.GateFail, Later: true, After: after, Words: words}
	case code >= 500:
		return cannotTell(words) // its server is broken: nobody has decided anything
	}
	return HookAnswer{Verdict: bluegreen.GateFail, Words: words}
}

// Signature is the HMAC-SHA256 of timestamp, a dot and the body, in hex: what a
// receiver computes again to know who calls.
func Signature(key, timestamp string, body []byte) string {
	m := hmac.New(sha256.New, []byte(key))
	m.Write([]byte(timestamp + "."))
	m.Write(body)
	return hex.EncodeToString(m.Sum(nil))
}

// retryAfter reads seconds or a date (RFC 9110, 10.2.3).
func retryAfter(s string, now time.Time) (time.Duration, bool) {
	if n, err := strconv.Atoi(s); err == nil && n >= 0 {
		return min(time.Duration(min(n, 1<<20))*time.Second, longestAfter), true
	}
	if t, err := http.ParseTime(s); err == nil {
		return min(max(t.Sub(now), 0), longestAfter), true
	}
	return 0, false
}

// bounded keeps the first bytes and lets the rest go by.
type bounded struct {
	bytes.Buffer
	most int
}

// Write never fails: a program must not die of a closed pipe.
func (b *bounded) Write(p []byte) (int, error) {
	if room := b.most - b.Len(); room > 0 {
		b.Buffer.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}

// firstWords is the beginning of a text in one line.
func firstWords(s string) string {
	return clip(strings.Join(strings.Fields(strings.ToValidUTF8(s, "?")), " "), mostWords)
}

// scrub takes the values of secret variables, user info of addresses and
// control characters out of somebody else's words.
func scrub(s string, secrets []string) string {
	for _, name := range secrets {
		if v := os.Getenv(name); name != "" && len(v) >= 4 {
			s = strings.ReplaceAll(s, v, "***")
		}
	}
	s = userInfo.ReplaceAllString(s, "://***@")
	s = secretWord.ReplaceAllString(s, "$1$2***")
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return ' '
		}
		return r
	}, s)
}
