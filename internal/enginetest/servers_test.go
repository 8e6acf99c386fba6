package enginetest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/rdsupgrade/rdsupgrade/internal/rdssim"
	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet"
)

// servers are the MySQL servers behind the model's instances as far as going
// back needs them: a log of numbered writes, read_only as the model has it, and
// replication between two of them. Clients write to whoever bears a name.
type servers struct {
	*simSQL
	mu    sync.Mutex
	m     map[string]*mysqlServer // by resource id
	last  map[string]string       // resource that clients of a name saw last
	next  int
	acked []int
	// by is which name's clients an acknowledged write is of.
	by map[int]string
	// unarmed: nobody asks for a way back. broken is old blue's applier error.
	unarmed bool
	broken  string
	// differ makes the row counts differ.
	differ bool
}

type mysqlServer struct {
	uuid string
	log  []int
	from string // resource it replicates from, "" for none
	at   int    // how much of that log it has applied
	// base is how much of its log came from the server that RDS switched it over from.
	base int
	// broken is its applier's error; stands: a reboot left its replication standing.
	broken string
	stands bool
	// unwatched: a replication that nobody may end twice.
	ended int
}

const logFile = "mysql-bin-changelog.000777"

func newServers(sim *rdssim.Sim) *servers {
	return &servers{simSQL: &simSQL{sim: sim}, m: map[string]*mysqlServer{}, last: map[string]string{}, by: map[int]string{}}
}

func (s *servers) behind(at rdssim.Scope, name string) (*mysqlServer, rdssim.ServerView, bool) {
	v, ok := s.sim.Server(at, name)
	if !ok || v.Down || v.Offline {
		return nil, v, false
	}
	srv := s.m[v.ResourceID]
	if srv == nil {
		srv = &mysqlServer{uuid: "uuid-" + v.ResourceID}
		if was := s.m[s.last[name]]; was != nil { // RDS has replicated everything until its switchover
			srv.log = slices.Clone(was.log)
			srv.base = len(srv.log)
		}
		s.m[v.ResourceID] = srv
	}
	return srv, v, true
}

// write is what clients of a name do: the server acknowledges, or it does not.
func (s *servers) write(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	srv, v, ok := s.behind(rdssim.Scope{Account: account, Region: region}, name)
	if !ok || v.ReadOnly {
		return
	}
	s.last[name] = v.ResourceID
	s.next++
	srv.log = append(srv.log, s.next)
	s.acked = append(s.acked, s.next)
	s.by[s.next] = name
}

// has tells which acknowledged writes, of those after n, a server lacks or has twice.
func (s *servers) wrong(resource string, after int) []int {
	count := map[int]int{}
	for _, w := range s.m[resource].log {
		count[w]++
	}
	var bad []int
	for _, w := range s.acked {
		if w > after && count[w] != 1 {
			bad = append(bad, w)
		}
	}
	return bad
}

// wrongOf is wrong for the clients of one name.
func (s *servers) wrongOf(name, resource string, after int) []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.m[resource] == nil {
		return nil
	}
	return slices.DeleteFunc(s.wrong(resource, after), func(w int) bool { return s.by[w] != name })
}

// apply has a replica apply what its source's log has.
func (s *servers) apply(srv *mysqlServer) {
	src := s.m[srv.from]
	if src == nil || s.broken != "" || srv.broken != "" || srv.stands {
		return
	}
	srv.log = append(srv.log, src.log[srv.at:]...)
	srv.at = len(src.log)
}

// catchUp has the server behind a name apply what it has not.
func (s *servers) catchUp(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if srv, _, ok := s.behind(rdssim.Scope{Account: account, Region: region}, name); ok && srv.from != "" {
		s.apply(srv)
	}
}

func (s *servers) look(ep fleet.Endpoint) (bluegreen.ServerLook, *mysqlServer) {
	srv, v, ok := s.behind(rdssim.Scope{Account: ep.Account, Region: ep.Region}, ep.ID)
	if !ok {
		return bluegreen.ServerLook{Err: ep.ID + " does not answer"}, nil
	}
	l := bluegreen.ServerLook{Version: v.EngineVersion, UUID: srv.uuid, ReadOnly: v.ReadOnly, File: logFile, Position: uint64(100 + len(srv.log))}
	if srv.from != "" {
		l.Replication = bluegreen.Replication{Configured: true, Receiver: "Yes", Applier: "Yes", File: logFile, Position: uint64(100 + srv.at)}
		if srv.stands {
			l.Replication.Receiver, l.Replication.Applier = "No", "No"
		}
		if broken := cmp.Or(s.broken, srv.broken); broken != "" {
			l.Replication.Applier, l.Replication.ApplierError = "No", broken
		}
	}
	return l, srv
}

func (s *servers) WayBackWanted() bool { return !s.unarmed }

func (s *servers) PrepareWayBack(context.Context, fleet.Endpoint, fleet.Endpoint) []bluegreen.Gate {
	return nil
}

// ArmWayBack follows from a place of ours, or, from coordinates that the model
// made up, from the server's first own write.
func (s *servers) ArmWayBack(_ context.Context, now, old fleet.Endpoint, file string, pos uint64) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, nv, ok1 := s.behind(rdssim.Scope{Account: now.Account, Region: now.Region}, now.ID)
	o, _, ok2 := s.behind(rdssim.Scope{Account: old.Account, Region: old.Region}, old.ID)
	if !ok1 || !ok2 {
		return "", errors.New("a server does not answer")
	}
	if o.from == "" {
		o.from, o.at = nv.ResourceID, n.base
		if file == logFile {
			o.at = int(pos) - 100
		}
	}
	s.apply(o)
	return fmt.Sprintf("%s follows %s (%d writes)", old.ID, now.ID, len(n.log)), nil
}

func (s *servers) WayBack(ctx context.Context, now, old fleet.Endpoint) bluegreen.Way {
	return wayOf(s.LookBack(ctx, now, old))
}

// wayOf is how a way back stands, by a look at both servers.
func wayOf(l bluegreen.GoBackLook) bluegreen.Way {
	return bluegreen.JudgeWay(time.Now(), bluegreen.Reading[bluegreen.Replication]{Value: l.Old.Replication, Err: l.Old.Err}, l.New.File, l.New.Position, time.Time{})
}

func (s *servers) LookBack(_ context.Context, now, old fleet.Endpoint) bluegreen.GoBackLook {
	s.mu.Lock()
	defer s.mu.Unlock()
	var l bluegreen.GoBackLook
	l.New, _ = s.look(now)
	var srv *mysqlServer
	if l.Old, srv = s.look(old); srv != nil && srv.from != "" && l.New.Err == "" {
		s.apply(srv)
		l.Old, _ = s.look(old)
	}
	l.At = time.Now()
	return l
}

func (s *servers) StartReverse(_ context.Context, old fleet.Endpoint) error {
	return s.on(old, func(srv *mysqlServer) { srv.stands = false })
}

func (s *servers) EndReverse(_ context.Context, old fleet.Endpoint) error {
	return s.on(old, func(srv *mysqlServer) {
		if srv.from != "" {
			srv.from, srv.broken, srv.stands, srv.ended = "", "", false, srv.ended+1
		}
	})
}

// on changes a server, where it answers.
func (s *servers) on(ep fleet.Endpoint, change func(*mysqlServer)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, srv := s.look(ep)
	if srv == nil {
		return errors.New(ep.ID + " does not answer")
	}
	change(srv)
	return nil
}

func (s *servers) CompareRows(context.Context, fleet.Endpoint, fleet.Endpoint) bluegreen.Gate {
	g := bluegreen.Gate{Name: "rows", Verdict: bluegreen.GatePass, Evidence: []string{"all equal"}}
	if s.differ {
		g.Verdict, g.Evidence = bluegreen.GateFail, []string{"shop.t has 3 rows on the new server, 2 on the old one"}
	}
	return g
}

func (s *servers) ProveServer(_ context.Context, ep fleet.Endpoint) (bluegreen.ServerLook, string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l, srv := s.look(ep)
	if srv == nil {
		return l, "", errors.New(l.Err)
	}
	return l, l.Version + " read_only=" + strconv.FormatBool(l.ReadOnly), nil
}

var (
	_ fleet.Returner = (*servers)(nil)
	_ fleet.Reverser = (*servers)(nil)
)

func (s *servers) Beat(context.Context, fleet.Endpoint) error { return nil }
