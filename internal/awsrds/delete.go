package awsrds

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
)

// mustBe refuses when another machine bears the name than the one that was
// decided about. RDS takes names only, so the look is made right before the call.
func (c *Client) mustBe(ctx context.Context, a bluegreen.Action) error {
	if a.ResourceID == "" {
		return nil
	}
	out, err := get(ctx, c.read.DescribeDBInstances, &rds.DescribeDBInstancesInput{DBInstanceIdentifier: aws.String(a.Instance)})
	if err != nil {
		return err
	}
	refuse := func(format string, args ...any) error {
		return &bluegreen.Fault{Code: "AnotherInstance", Op: string(a.Kind), Consequence: bluegreen.Wait, Message: fmt.Sprintf(format, args...)}
	}
	if len(out.DBInstances) != 1 {
		return refuse("%d instances answer to %s", len(out.DBInstances), oneLine(a.Instance))
	}
	i := out.DBInstances[0]
	switch source := aws.ToString(i.ReadReplicaSourceDBInstanceIdentifier); {
	case aws.ToString(i.DbiResourceId) != a.ResourceID:
		return refuse("%s is %s now, not %s", oneLine(a.Instance), oneLine(aws.ToString(i.DbiResourceId)), a.ResourceID)
	case a.Kind == bluegreen.DeleteInstance && a.Replica && source == "":
		return refuse("%s is no read replica any more", oneLine(a.Instance))
	case a.Kind == bluegreen.DeleteInstance && len(i.ReadReplicaDBInstanceIdentifiers) > 0:
		return refuse("%s has read replicas", oneLine(a.Instance))
	}
	return nil
}

// deleteInstance deletes the machine that the action names, with a final
// snapshot unless it is a read replica, of which RDS takes none (API reference,
// DeleteDBInstance), or the snapshot is there already. Automated backups are kept.
func (c *Client) deleteInstance(ctx context.Context, a bluegreen.Action) (bluegreen.Outcome, error) {
	if err := c.mustBe(ctx, a); hasCode(err, "DBInstanceNotFound") {
		return c.deletedBefore(ctx, a, err)
	} else if err != nil {
		return bluegreen.Outcome{}, err
	}
	in := &rds.DeleteDBInstanceInput{DBInstanceIdentifier: aws.String(a.Instance), DeleteAutomatedBackups: aws.Bool(false)}
	switch {
	case a.Replica:
		in.SkipFinalSnapshot = aws.Bool(true)
	case a.Adopted:
		s, err := c.FinalSnapshot(ctx, a.Snapshot)
		if err != nil {
			return bluegreen.Outcome{}, err
		}
		if s == nil || s.ResourceID != a.ResourceID || s.Status != "available" {
			return bluegreen.Outcome{}, &bluegreen.Fault{Code: "NoFinalSnapshot", Op: string(a.Kind), Consequence: bluegreen.Wait,
				Message: "snapshot " + oneLine(a.Snapshot) + " of " + oneLine(a.Instance) + " is not available"}
		}
		in.SkipFinalSnapshot = aws.Bool(true)
	default:
		in.SkipFinalSnapshot, in.FinalDBSnapshotIdentifier = aws.Bool(false), aws.String(a.Snapshot)
	}
	_, request, err := put(ctx, c.change.DeleteDBInstance, in)
	if hasCode(err, "DBInstanceNotFound") {
		return c.deletedBefore(ctx, a, err)
	}
	var f *bluegreen.Fault
	if errors.As(err, &f) && hasCode(err, "DBSnapshotAlreadyExists") {
		f.Consequence = bluegreen.Wait // the next look finds the snapshot, and judges it
	}
	return bluegreen.Outcome{RequestID: request}, err
}

// deletedBefore: it is gone. That is what was wanted only if its last state was kept.
func (c *Client) deletedBefore(ctx context.Context, a bluegreen.Action, gone error) (bluegreen.Outcome, error) {
	if a.Replica {
		return bluegreen.Outcome{Already: true}, nil
	}
	found, err := c.snapshot(ctx, a.Snapshot)
	if err != nil {
		return bluegreen.Outcome{}, err
	}
	if found == nil || found.Resource != a.ResourceID {
		var f *bluegreen.Fault
		errors.As(gone, &f)
		f.Message = fmt.Sprintf("instance %s is gone, and there is no final snapshot %s of it", oneLine(a.Instance), oneLine(a.Snapshot))
		return bluegreen.Outcome{RequestID: f.RequestID}, f
	}
	return bluegreen.Outcome{Already: true}, nil
}

// FinalSnapshot is the snapshot of that name, nil when there is none.
func (c *Client) FinalSnapshot(ctx context.Context, name string) (*bluegreen.Snapshot, error) {
	s, err := c.snapshot(ctx, name)
	if err != nil || s == nil {
		return nil, err
	}
	return &bluegreen.Snapshot{ID: s.ID, ResourceID: s.Resource, Status: s.Status, GiB: s.GiB, Created: s.Created}, nil
}
