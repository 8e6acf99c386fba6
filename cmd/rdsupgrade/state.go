package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/rdsupgrade/rdsupgrade/internal/awsrds"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/journal"
)

// stateRef is where the campaign's state is, as flags say.
type stateRef struct {
	bucket, prefix  string // of a state in S3
	share, takeOver string
}

var bucketForm = regexp.MustCompile(`^s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/([A-Za-z0-9!_.*'()/-]{1,500})$`)

// setState reads --state: file:DIR, a bare directory, or s3://bucket/prefix.
func (g *global) setState(text string) error {
	switch {
	case text == "":
		return nil
	case strings.HasPrefix(text, "file:"):
		g.stateDir = strings.TrimPrefix(strings.TrimPrefix(text, "file:"), "//")
		if g.stateDir == "" {
			return usage("--state file: needs a directory")
		}
		return nil
	case !strings.Contains(text, "://"):
		g.stateDir = text
		return nil
	}
	m := bucketForm.FindStringSubmatch(text)
	if m == nil {
		return usage("--state is file:DIR or s3://BUCKET/PREFIX, not %q", text)
	}
	g.state.bucket, g.state.prefix = m[1], strings.Trim(m[2], "/")
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	sum := sha256.Sum256([]byte(text))
	g.stateDir = filepath.Join(cache, "rdsupgrade", hex.EncodeToString(sum[:8]))
	return nil
}

// where is the state, with the client of its bucket.
func (g global) where(ctx context.Context) (fleet.State, error) {
	s := fleet.State{Dir: g.stateDir, Prefix: g.state.prefix, Share: g.state.share, TakeOver: g.state.takeOver}
	if g.state.bucket == "" {
		return s, nil
	}
	b, err := awsrds.DialBucket(ctx, g.state.bucket, "")
	s.Objects = b
	return s, err
}

func (g global) openState(ctx context.Context, command string) (*fleet.Store, error) {
	s, err := g.where(ctx)
	if err != nil {
		return nil, err
	}
	return s.Open(ctx, fleet.Holder(command))
}

func (g global) readState(ctx context.Context) (*fleet.Store, error) {
	s, err := g.where(ctx)
	if err != nil {
		return nil, err
	}
	return s.Read(ctx)
}

// deliver journals a request itself when no run holds the state, and leaves
// it in the inbox of the run otherwise.
func (g global) deliver(ctx context.Context, campaign string, r journal.Request) (journaled bool, err error) {
	s, err := g.where(ctx)
	if err != nil {
		return false, err
	}
	store, err := s.Open(ctx, fleet.Holder(r.Verb))
	var locked *journal.LockedError
	if errors.As(err, &locked) {
		running, err := s.Read(ctx)
		if err == nil {
			err = running.Claim(campaign)
		}
		if err != nil {
			return false, err
		}
		return false, s.Submit(ctx, r)
	}
	if err != nil {
		return false, err
	}
	if err = store.Claim(campaign); err == nil {
		err = store.Say(r)
	}
	return true, errors.Join(err, store.Close())
}
