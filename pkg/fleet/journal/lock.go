package journal

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// Holder is who holds the lock.
type Holder struct {
	Owner   string    `json:"owner"`
	Host    string    `json:"host"`
	PID     int       `json:"pid"`
	Command string    `json:"command"`
	Since   time.Time `json:"since"`
}

// String is the holder in one line.
func (h Holder) String() string {
	return fmt.Sprintf("%s on %s (pid %d, %s) since %s", h.Owner, h.Host, h.PID, h.Command, h.Since.Format("2006-01-02 15:04:05 MST"))
}

// LockedError says that another run holds the state directory.
type LockedError struct {
	Path   string
	Holder Holder
}

// Error names the holder.
func (e *LockedError) Error() string { return e.Path + " is held by " + e.Holder.String() }

// Lock is a held lock on a state directory. The kernel releases it when the
// process ends, however it ends, so that a killed run leaves nothing to clean.
type Lock struct{ f *os.File }

// Acquire locks dir for h, or returns *LockedError with the holder.
func Acquire(dir string, h Holder) (*Lock, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the state directory: %w", err)
	}
	path := filepath.Join(dir, "lock")
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the lock: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer f.Close()
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("lock the state directory: %w", err)
		}
		return nil, &LockedError{Path: dir, Holder: readHolder(f)}
	}
	b, err := json.Marshal(h)
	if err == nil {
		err = f.Truncate(0)
	}
	if err == nil {
		_, err = f.WriteAt(append(b, '\n'), 0)
	}
	if err == nil {
		err = f.Sync()
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("write the lock: %w", err)
	}
	return &Lock{f}, nil
}

// readHolder tolerates a holder that is just being written.
func readHolder(f *os.File) Holder {
	b := make([]byte, 4096)
	n, _ := f.ReadAt(b, 0)
	var h Holder
	if json.Unmarshal(b[:n], &h) != nil {
		h.Owner = "an unknown process"
	}
	return h
}

// Release gives the lock back.
func (l *Lock) Release() error { return l.f.Close() }
