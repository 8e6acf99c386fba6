package fleet

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
)

// Freer reads the newest free storage of instances, in GiB; one that is missing
// is not known. A scope's Meter may be one.
type Freer interface {
	FreeGiB(ctx context.Context, instances []string) (map[string]float64, error)
}

// BinlogSizer is an SQL that can tell how much a server's binary logs take.
type BinlogSizer interface {
	BinlogGiB(context.Context, Endpoint) (float64, error)
}

// diskGates ask whether green has room, and blue: it goes on writing binary
// logs until the switchover, and after it where the way back is armed.
func (e *Engine) diskGates(ctx context.Context, u unit, blue, green Endpoint) []bluegreen.Gate {
	ctx, cancel := context.WithTimeout(ctx, gateTimeout)
	defer cancel()
	p := e.cfg.Plan.Switchover.Disk
	free, err := map[string]float64(nil), errors.New("CloudWatch is not asked in this run")
	if f, ok := e.scope(u.scope).Meter.(Freer); ok {
		free, err = f.FreeGiB(ctx, []string{blue.ID, green.ID})
	}
	var gates []bluegreen.Gate
	for _, side := range []struct {
		role string
		at   Endpoint
	}{{"green", green}, {"blue", blue}} {
		d := bluegreen.Disk{ID: side.at.ID, BinlogGiB: bluegreen.Reading[float64]{Err: "not read"}}
		if i := u.facts.Instances[side.at.ID]; i != nil {
			d.AllocatedGiB, d.Operation = i.AllocatedGiB, i.StorageOperation
		}
		v, known := free[side.at.ID]
		switch {
		case err != nil:
			d.FreeGiB.Err = err.Error()
		case !known:
			d.FreeGiB.Err = "CloudWatch has no value of the last minutes"
		default:
			d.FreeGiB.Value = v
		}
		if s, ok := e.cfg.SQL.(BinlogSizer); ok && side.role == "blue" {
			d.BinlogGiB = reading(s.BinlogGiB(ctx, side.at))
		}
		gates = append(gates, bluegreen.GateDisk(side.role, d, p.MinFree, p.Required))
	}
	return gates
}

// BinlogGiB implements BinlogSizer.
func (a *Access) BinlogGiB(ctx context.Context, ep Endpoint) (float64, error) {
	s, err := a.dial(ctx, ep)
	if err != nil {
		return 0, err
	}
	defer s.close()
	rows, err := s.rows(ctx, "binlogs", "SHOW BINARY LOGS")
	if err != nil {
		return 0, err
	}
	var sum float64
	for _, r := range rows {
		n, err := strconv.ParseFloat(r["File_size"], 64)
		if err != nil {
			return 0, fmt.Errorf("read the size of a binary log: %w", err)
		}
		sum += n
	}
	return sum / (1 << 30), nil
}
