package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/precheck"
)

// AuditOptions narrow an audit of a plan's databases.
type AuditOptions struct {
	// Keep says which databases to audit; nil: all of the plan's.
	Keep func(DatabaseStatus) bool
	// Target overrides the plan's target version, "" does not.
	Target string
	// Done is told of every finished audit.
	Done func(precheck.Report)
}

// Audit prechecks the plan's databases over their whole route, without
// touching the campaign. Databases already on target are left out.
func (e *Engine) Audit(ctx context.Context, o AuditOptions) ([]precheck.Report, Status, error) {
	st, err := e.Survey(ctx)
	if err != nil {
		return nil, st, err
	}
	if e.cfg.SQL == nil {
		return nil, st, errors.New("the plan gives no SQL access (connection.auth: none), so nothing can be prechecked")
	}
	units := e.units()
	var chosen []int
	for i := range units {
		if keep := o.Keep; (keep == nil || keep(st.Databases[i])) && (len(units[i].facts.Hops) > 0 || o.Target != "") && !units[i].unread {
			chosen = append(chosen, i)
		}
	}
	reports := make([]precheck.Report, len(chosen))
	var g errgroup.Group
	g.SetLimit(e.cfg.Workers)
	for n, i := range chosen {
		u := units[i]
		g.Go(func() error {
			to := o.Target
			if to == "" {
				to = u.facts.Hops[len(u.facts.Hops)-1].To
			}
			from := u.facts.Instances[u.facts.ID].Version
			reports[n] = e.cfg.SQL.Precheck(ctx, e.query(u, bluegreen.Hop{From: from, To: to}))
			err := e.cfg.Store.SavePrecheck(u.key, reports[n])
			if o.Done != nil {
				e.mu.Lock()
				o.Done(reports[n])
				e.mu.Unlock()
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return reports, st, err
	}
	return reports, st, ctx.Err()
}

// SavePrecheck keeps a database's last report in full; the journal holds only
// its verdict and the first findings.
func (s *Store) SavePrecheck(key string, r precheck.Report) error {
	if s.Dir == "" {
		return nil // a state that nobody keeps
	}
	dir := filepath.Join(s.Dir, "prechecks")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the precheck directory: %w", err)
	}
	b, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("encode the precheck of %s: %w", key, err)
	}
	f, err := os.CreateTemp(dir, ".new-*")
	if err != nil {
		return fmt.Errorf("save the precheck of %s: %w", key, err)
	}
	_, err = f.Write(b)
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), filepath.Join(dir, strings.ReplaceAll(key, "/", "_")+".json"))
	}
	if err != nil {
		os.Remove(f.Name())
		return fmt.Errorf("save the precheck of %s: %w", key, err)
	}
	return nil
}

// Prechecks are the saved reports, by database.
func (s *Store) Prechecks() ([]precheck.Report, error) {
	dir := filepath.Join(s.Dir, "prechecks")
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the saved prechecks: %w", err)
	}
	var out []precheck.Report
	for _, en := range entries {
		if filepath.Ext(en.Name()) != ".json" {
			continue
		}
		b, err := os.ReadFile(filepath.Join(dir, en.Name()))
		if err != nil {
			return nil, fmt.Errorf("read a saved precheck: %w", err)
		}
		var r precheck.Report
		if err := json.Unmarshal(b, &r); err != nil {
			return nil, fmt.Errorf("read saved precheck %s: %w", en.Name(), err)
		}
		out = append(out, r)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].ID < out[j].ID })
	return out, nil
}
