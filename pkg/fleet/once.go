package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/journal"
)

// once looks, does the reads that are due, looks again and acts, and returns:
// a scheduled job carries the campaign, whatever machine it runs on. The short
// memory of consecutive good reads is kept between jobs.
func (e *Engine) once(ctx, soft context.Context) (Status, error) {
	kept, err := e.cfg.Store.loadWatch(ctx)
	if err != nil {
		return Status{}, err
	}
	e.mu.Lock()
	for k, w := range kept {
		e.watch[k] = w
	}
	e.mu.Unlock()
	if _, _, err := e.tick(ctx, soft); err != nil {
		return Status{}, err
	}
	e.group.Wait()
	units, sch, err := e.tick(ctx, soft)
	if err != nil {
		return e.lastStatus(units, sch), err
	}
	e.group.Wait()
	e.mu.Lock()
	err = e.fatal
	e.mu.Unlock()
	st := e.status(units, sch)
	e.cfg.Report(st)
	if err == nil {
		err = e.cfg.Store.saveWatch(ctx, e.watch)
	}
	if err == nil && soft.Err() != nil {
		err = ErrInterrupted
	}
	return st, err
}

// watchFile holds the short memory between scheduled jobs. Losing it only delays.
const watchFile = "watch.json"

func (s *Store) loadWatch(ctx context.Context) (map[string]bluegreen.Watch, error) {
	var b []byte
	var err error
	if s.remote != nil {
		var o journal.Object
		o, err = s.remote.state.Objects.Get(ctx, path.Join(s.remote.state.Prefix, watchFile))
		b = o.Data
	} else {
		b, err = os.ReadFile(filepath.Join(s.Dir, watchFile))
	}
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, journal.ErrNoObject) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read what the last job watched: %w", err)
	}
	var w map[string]bluegreen.Watch
	if json.Unmarshal(b, &w) != nil {
		return nil, nil // it only delays
	}
	return w, nil
}

func (s *Store) saveWatch(ctx context.Context, w map[string]bluegreen.Watch) error {
	b, err := json.Marshal(w)
	if err != nil {
		return fmt.Errorf("encode what was watched: %w", err)
	}
	if s.remote != nil {
		if err := s.Check(); err != nil {
			return err
		}
		_, err = s.remote.state.Objects.Put(ctx, path.Join(s.remote.state.Prefix, watchFile), b, journal.Condition{})
	} else {
		tmp := filepath.Join(s.Dir, "."+watchFile)
		if err = os.WriteFile(tmp, b, 0o600); err == nil {
			err = os.Rename(tmp, filepath.Join(s.Dir, watchFile))
		}
	}
	if err != nil {
		return fmt.Errorf("keep what was watched: %w", err)
	}
	return nil
}
