package fleet

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/rdsupgrade/rdsupgrade/internal/mysqlver"
	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
)

var _ Returner = (*Access)(nil)

const (
	// lookTimeout bounds one look at both servers.
	lookTimeout = 10 * time.Second
	// compareTimeout bounds the counting of rows: clients wait meanwhile.
	compareTimeout = 20 * time.Second
)

// LookBack implements Returner.
func (a *Access) LookBack(ctx context.Context, nowAt, oldAt Endpoint) bluegreen.GoBackLook {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	look := bluegreen.GoBackLook{At: a.Now()}
	look.New = a.lookAt(ctx, nowAt)
	look.Old = a.lookAt(ctx, oldAt)
	if r := &look.Old.Replication; look.New.Err == "" && !look.New.ReadOnly && r.Configured && r.Trouble() == "" {
		// Stopping writes breaks old blue's connection: whether it would be let
		// in again must be known before.
		way := bluegreen.Way{State: bluegreen.WayArmed}
		a.tryAccount(ctx, nowAt, &way)
		if way.State == bluegreen.WayBroken {
			r.ReceiverError = way.Detail
		}
	}
	return look
}

func (a *Access) lookAt(ctx context.Context, ep Endpoint) bluegreen.ServerLook {
	s, err := a.dial(ctx, ep)
	if err != nil {
		return bluegreen.ServerLook{Err: err.Error()}
	}
	defer s.close()
	look, err := s.look(ctx)
	if err != nil {
		return bluegreen.ServerLook{Err: err.Error()}
	}
	return look
}

// look asks a server who it is; its own place comes first.
func (s *server) look(ctx context.Context) (l bluegreen.ServerLook, err error) {
	if l.File, l.Position, err = s.place(ctx); err != nil {
		return l, err
	}
	rows, err := s.rows(ctx, "who", "SELECT VERSION() AS v, @@server_uuid AS uuid, @@global.read_only AS ro")
	if err != nil {
		return l, err
	}
	if len(rows) != 1 {
		return l, fmt.Errorf("%s does not say who it is", s.id)
	}
	l.Version, l.UUID, l.ReadOnly = rows[0]["v"], rows[0]["uuid"], rows[0]["ro"] != "0"
	l.Replication, err = s.replication(ctx)
	return l, err
}

// onOld runs a procedure on the server that replicates.
func (a *Access) onOld(ctx context.Context, at Endpoint, do func(context.Context, *server) error) error {
	ctx, cancel := context.WithTimeout(ctx, wayTimeout)
	defer cancel()
	s, err := a.dial(ctx, at)
	if err != nil {
		return err
	}
	defer s.close()
	return do(ctx, s)
}

// StartReverse implements Returner.
func (a *Access) StartReverse(ctx context.Context, at Endpoint) error {
	return a.onOld(ctx, at, func(ctx context.Context, s *server) error {
		return s.exec(ctx, "", "CALL mysql.rds_start_replication()")
	})
}

// EndReverse implements Returner. The procedure's name depends on the server
// where it runs (RDS User Guide, "mysql.rds_reset_external_master").
func (a *Access) EndReverse(ctx context.Context, at Endpoint) error {
	return a.onOld(ctx, at, func(ctx context.Context, s *server) error {
		r, err := s.replication(ctx)
		if err != nil || !r.Configured {
			return err
		}
		older, err := s.speaksOfMasters(ctx)
		if err != nil {
			return err
		}
		reset := "CALL mysql.rds_reset_external_source()"
		if older {
			reset = "CALL mysql.rds_reset_external_master()"
		}
		// Stopping what stands already is refused, and is no reason not to reset;
		// what failed for another reason shows in the next look.
		stopped := s.exec(ctx, "", "CALL mysql.rds_stop_replication()")
		if err := s.exec(ctx, "", reset); err != nil {
			return errors.Join(stopped, err)
		}
		return nil
	})
}

// speaksOfMasters tells whether a server's procedures have the old names.
func (s *server) speaksOfMasters(ctx context.Context) (bool, error) {
	rows, err := s.rows(ctx, "version", "SELECT VERSION() AS v")
	if err != nil || len(rows) != 1 {
		return false, errors.Join(fmt.Errorf("ask %s for its version", s.id), err)
	}
	v, err := mysqlver.Parse(rows[0]["v"])
	if err != nil {
		return false, fmt.Errorf("ask %s for its version: %w", s.id, err)
	}
	return v.Before(mysqlver.MustParse("8.4")), nil
}

// CompareRows implements Returner.
func (a *Access) CompareRows(ctx context.Context, nowAt, oldAt Endpoint) bluegreen.Gate {
	const name = "row counts of small tables"
	ctx, cancel := context.WithTimeout(ctx, compareTimeout)
	defer cancel()
	now, old, err := a.dialBoth(ctx, nowAt, oldAt)
	if err != nil {
		return bluegreen.Gate{Name: name, Verdict: bluegreen.GateInconclusive, Evidence: []string{err.Error()}}
	}
	defer now.close()
	defer old.close()
	g := bluegreen.GateRows(reading(rowCounts(ctx, now, old, func() error { return nil })))
	g.Name = name
	for n, e := range g.Evidence { // here the new server is compared with the old one
		g.Evidence[n] = strings.NewReplacer("on blue", "on the new server", "on green", "on the old one").Replace(e)
	}
	return g
}

// ProveServer implements Returner. Without the heartbeat table nothing is
// written: the tool makes no table in a server that never had a way back.
func (a *Access) ProveServer(ctx context.Context, ep Endpoint) (look bluegreen.ServerLook, proof string, err error) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	s, err := a.dial(ctx, ep)
	if err != nil {
		return look, "", err
	}
	defer s.close()
	if look, err = s.look(ctx); err != nil {
		return look, "", err
	}
	proof = look.Version + " with read_only=" + map[bool]string{true: "1", false: "0"}[look.ReadOnly]
	if look.ReadOnly {
		return look, proof, nil
	}
	table, err := s.rows(ctx, "heartbeat", "SELECT 1 AS n FROM information_schema.TABLES WHERE TABLE_SCHEMA='rdsupgrade' AND TABLE_NAME='heartbeat'")
	if err != nil || len(table) == 0 {
		return look, proof, err
	}
	token := rand.Text()
	if err := s.beat(ctx, token); err != nil {
		return look, proof, err
	}
	rows, err := s.rows(ctx, "heartbeat", "SELECT token FROM rdsupgrade.heartbeat WHERE id = 1")
	if err != nil {
		return look, proof, err
	}
	if len(rows) != 1 || rows[0]["token"] != token {
		return look, proof, fmt.Errorf("%s does not have the row that was written to it", ep.ID)
	}
	return look, proof + "; a row was written and read", nil
}
