package journal

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"
)

// Request is what a person asks of a campaign from a second terminal: the
// run that holds the lock picks it up and journals it; it alone writes the chain.
type Request struct {
	// Campaign is whose decision it is; a run of another refuses it.
	Campaign string    `json:"campaign,omitempty"`
	Verb     string    `json:"verb"` // approve, pause, resume, skip, retry, rollback, allow-no-sql, override-gate, go-back, go-back-abandon, cleanup
	Database string    `json:"db,omitempty"`
	Wave     string    `json:"wave,omitempty"`
	By       string    `json:"by"`
	Why      string    `json:"why,omitempty"`
	At       time.Time `json:"at"`
	// AcceptLoss and Drill are of go-back: writes may be lost; go forward again.
	AcceptLoss bool `json:"accept_loss,omitempty"`
	Drill      bool `json:"drill,omitempty"`
	// Resources are the resource ids of the servers that a cleanup was shown for.
	Resources []string `json:"resources,omitempty"`
	// Fingerprint is of approve: what the approver has seen, or its first digits.
	Fingerprint string `json:"fingerprint,omitempty"`
	// Gate and Until are of the verb override-gate: which gate, and until when.
	Gate  string    `json:"gate,omitempty"`
	Until time.Time `json:"until,omitzero"`
}

// Submit leaves a request in the state directory.
func Submit(dir string, r Request) error {
	box := filepath.Join(dir, "inbox")
	if err := os.MkdirAll(box, 0o700); err != nil {
		return fmt.Errorf("make the inbox: %w", err)
	}
	b, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("encode the request: %w", err)
	}
	f, err := os.CreateTemp(box, ".new-*")
	if err != nil {
		return fmt.Errorf("write the request: %w", err)
	}
	_, err = f.Write(b)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		name := fmt.Sprintf("%020d-%d%s.json", r.At.UnixNano(), os.Getpid(), strings.TrimPrefix(filepath.Base(f.Name()), ".new"))
		err = os.Rename(f.Name(), filepath.Join(box, name))
	}
	if err != nil {
		os.Remove(f.Name())
		return fmt.Errorf("write the request: %w", err)
	}
	return syncDir(box)
}

// Collect hands over the waiting requests in their order. Each file is removed
// only after take returned nil for it, so a kill in between asks twice rather
// than never; every verb is harmless when repeated.
func Collect(dir string, take func(Request) error) error {
	box := filepath.Join(dir, "inbox")
	entries, err := os.ReadDir(box)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the inbox: %w", err)
	}
	var names []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".json") {
			names = append(names, e.Name())
		}
	}
	sort.Strings(names)
	for _, n := range names {
		path := filepath.Join(box, n)
		b, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("read a request: %w", err)
		}
		var r Request
		if json.Unmarshal(b, &r) != nil || r.Verb == "" {
			if err := os.Rename(path, path+".bad"); err != nil {
				return fmt.Errorf("set a bad request aside: %w", err)
			}
			continue
		}
		if err := take(r); err != nil {
			return err
		}
		if err := os.Remove(path); err != nil {
			return fmt.Errorf("remove a request: %w", err)
		}
	}
	return nil
}
