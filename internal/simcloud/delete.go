package simcloud

import (
	"context"
	"net/url"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet"
)

var _ fleet.Keeper = (*Cloud)(nil)

// deleteInstance deletes the machine that the action names, and no other.
func (c *Cloud) deleteInstance(a bluegreen.Action) (bluegreen.Outcome, error) {
	found, err := list(c, "DescribeDBInstances", "DBInstances", url.Values{"DBInstanceIdentifier": {a.Instance}}, instanceOf)
	switch {
	case hasCode(err, "DBInstanceNotFound"):
		return bluegreen.Outcome{Already: true}, nil
	case err != nil:
		return bluegreen.Outcome{}, err
	case len(found) != 1 || found[0].ResourceID != a.ResourceID || a.Replica && found[0].ReplicaSource == "":
		return bluegreen.Outcome{}, &bluegreen.Fault{Code: "AnotherInstance", Message: a.Instance + " is another machine now", Consequence: bluegreen.Wait}
	}
	form := url.Values{"DBInstanceIdentifier": {a.Instance}, "DeleteAutomatedBackups": {"false"}}
	if a.Replica || a.Adopted {
		form.Set("SkipFinalSnapshot", "true")
	} else {
		form.Set("FinalDBSnapshotIdentifier", a.Snapshot)
	}
	out, err := c.change("DeleteDBInstance", form, "DBInstanceNotFound")
	if f, ok := err.(*bluegreen.Fault); ok && hasCode(err, "DBSnapshotAlreadyExists") {
		f.Consequence = bluegreen.Wait
	}
	return out, err
}

// FinalSnapshot implements fleet.Keeper.
func (c *Cloud) FinalSnapshot(_ context.Context, name string) (*bluegreen.Snapshot, error) {
	found, err := list(c, "DescribeDBSnapshots", "DBSnapshots", url.Values{"DBSnapshotIdentifier": {name}}, snapshotOf)
	switch {
	case hasCode(err, "DBSnapshotNotFound"):
		return nil, nil
	case err != nil || len(found) == 0:
		return nil, err
	}
	return &found[0], nil
}

func snapshotOf(e element) bluegreen.Snapshot {
	gib := e.number("AllocatedStorage")
	return bluegreen.Snapshot{ID: e.text("DBSnapshotIdentifier"), ResourceID: e.text("DbiResourceId"), Status: e.text("Status"), GiB: gib, Created: e.time("SnapshotCreateTime")}
}
