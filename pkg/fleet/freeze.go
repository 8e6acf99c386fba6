package fleet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/plan"
)

// Frozen reads the plan's outside signal: why everything new must wait, ""
// when nothing freezes. A signal that cannot be read freezes.
func Frozen(ctx context.Context, f plan.Freeze) string {
	ctx, cancel := context.WithTimeout(ctx, f.Timeout)
	defer cancel()
	switch {
	case f.File != "":
		return frozenByFile(f.File)
	case len(f.Command) > 0:
		return frozenByCommand(ctx, f.Command)
	case f.URL != "":
		return frozenByURL(ctx, f.URL)
	}
	return ""
}

func frozenByFile(path string) string {
	b, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return ""
	case err != nil:
		return "frozen: the signal cannot be read: " + err.Error()
	}
	return "frozen by the file " + path + because(string(b))
}

func frozenByCommand(ctx context.Context, argv []string) string {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.WaitDelay = time.Second // a child that keeps the pipe open does not keep us
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return ""
	case ctx.Err() != nil:
		return "frozen: the command " + argv[0] + " did not end in time"
	case errors.As(err, &exit):
		return fmt.Sprintf("frozen: the command %s exited with %d%s", argv[0], exit.ExitCode(), because(string(out)))
	}
	return "frozen: the command " + argv[0] + " cannot be run: " + err.Error()
}

func frozenByURL(ctx context.Context, url string) string {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "frozen: the signal cannot be asked: " + err.Error()
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "frozen: the signal cannot be read: " + err.Error()
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 4096))
	switch {
	case resp.StatusCode != http.StatusOK:
		return "frozen: " + url + " answers " + resp.Status + because(string(b))
	case err != nil:
		return "frozen: the signal cannot be read: " + err.Error()
	}
	return ""
}

// because is the first line of a text as a reason.
func because(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	if line = strings.TrimSpace(line); line == "" {
		return ""
	}
	return ": " + clip(line, 200)
}

// readFreeze asks for the signal when its time has come.
func (e *Engine) readFreeze(ctx context.Context) {
	f := e.cfg.Plan.Freeze
	if !f.Set() || e.cfg.Frozen == nil {
		return
	}
	now := e.cfg.Clock.Now()
	if !e.frozenAt.IsZero() && now.Sub(e.frozenAt) < f.Every {
		return
	}
	was := e.frozen
	e.frozen, e.frozenAt = e.cfg.Frozen(ctx, f), now
	if was != e.frozen {
		e.cfg.Log.Warn().Str("was", was).Str("is", e.frozen).Msg("freeze signal")
	}
}
