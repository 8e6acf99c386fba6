package awsrds

import (
	"context"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
)

// Around reads what stands around the databases: proxies, integrations,
// pending maintenance, and with reserved the reservations. What RDS refuses is
// noted as unread. It takes 3 or 4 calls, and one more for each proxy.
func (c *Client) Around(ctx context.Context, reserved bool) bluegreen.Around {
	a := bluegreen.Around{Proxies: map[string][]bluegreen.ProxyUse{}, Integrations: map[string][]string{},
		Maintenance: map[string][]string{}, Unread: map[string]error{}}
	if proxies, err := c.Proxies(ctx); err != nil {
		a.Unread[bluegreen.AroundProxies] = err
	} else {
		for _, p := range proxies {
			for _, t := range p.Targets {
				a.Proxies[t.Resource] = append(a.Proxies[t.Resource], bluegreen.ProxyUse{Proxy: p.Name, State: t.State})
			}
		}
	}
	if list, err := c.Integrations(ctx); err != nil {
		a.Unread[bluegreen.AroundIntegrations] = err
	} else {
		for _, i := range list {
			a.Integrations[i.Source] = append(a.Integrations[i.Source], i.Name)
		}
	}
	if list, err := c.PendingMaintenance(ctx); err != nil {
		a.Unread[bluegreen.AroundMaintenance] = err
	} else {
		for _, m := range list {
			a.Maintenance[m.Resource] = append(a.Maintenance[m.Resource], maintenanceText(m))
		}
	}
	if !reserved {
		return a
	}
	list, err := c.ReservedInstances(ctx)
	if err != nil {
		a.Unread[bluegreen.AroundReserved] = err
	}
	a.Reserved = convert(list, func(r Reserved) bluegreen.Reserved {
		return bluegreen.Reserved{ID: r.ID, Class: r.Class, Count: r.Count, MultiAZ: r.MultiAZ, State: r.State, Started: r.Started, Term: r.Term}
	})
	return a
}

func maintenanceText(m Maintenance) string {
	text := m.Action
	if !m.At.IsZero() {
		text += " on " + m.At.UTC().Format("2006-01-02")
	}
	return text
}

// Loads is StorageLoad of several instances, one call each, and their free
// storage, one call for all.
func (c *Client) Loads(ctx context.Context, instances []string) (map[string]bluegreen.Load, error) {
	out := make(map[string]bluegreen.Load, len(instances))
	for _, id := range instances {
		l, err := c.StorageLoad(ctx, id)
		if err != nil {
			return out, err
		}
		out[id] = bluegreen.Load{IOPS: l.P99IOPS, MiBps: l.P99ThroughputMiBps, Points: l.Points}
	}
	free, err := c.FreeStorage(ctx, instances)
	if err != nil {
		return out, err
	}
	for id, p := range free {
		l := out[id]
		l.FreeGiB, l.FreeKnown = p.Value/(1<<30), true
		out[id] = l
	}
	return out, nil
}
