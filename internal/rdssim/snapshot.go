package rdssim

import (
	"strconv"
	"strings"
	"time"

	"github.com/rdsupgrade/rdsupgrade/internal/rdssim/query"
)

// DBSnapshot is a manual snapshot.
type DBSnapshot struct {
	ID       string
	Instance string
	Status   string
	Version  string
	Storage  Storage
	Created  time.Time
	Resource string
	Tags     map[string]string
	start    time.Time
	took     time.Duration
}

func (r *region) snapshot(id string) (*DBSnapshot, error) {
	s, ok := r.snapshots.get(lower(id))
	if !ok {
		return nil, query.NotFound("DBSnapshotNotFound", "DBSnapshot %s not found.", id)
	}
	return s, nil
}

func (r *region) createSnapshot(p *query.Params) ([]query.Node, error) {
	i, err := r.instance(p.Str("DBInstanceIdentifier"))
	if err != nil {
		return nil, err
	}
	if st := i.Status(); len(i.work) > 0 {
		return nil, query.Fault("InvalidDBInstanceState", "DB instance %s is not in available state: %s", i.ID, st)
	}
	s, err := r.takeSnapshot(i, p.Str("DBSnapshotIdentifier"), tagsOf(p))
	if err != nil {
		return nil, err
	}
	r.sim.perform(i, &activity{status: statusBackingUp, took: s.took})
	return []query.Node{r.snapshotNode("DBSnapshot", s)}, nil
}

func (r *region) takeSnapshot(i *Instance, id string, tags map[string]string) (*DBSnapshot, error) {
	id = lower(id)
	if !groupNamePattern.MatchString(id) {
		return nil, query.Fault("InvalidParameterValue", "The parameter DBSnapshotIdentifier is not a valid identifier: %q", id)
	}
	if _, ok := r.snapshots.get(id); ok {
		return nil, query.Fault("DBSnapshotAlreadyExists", "Cannot create the snapshot because a snapshot with the identifier %s already exists.", id)
	}
	if r.snapshots.len() >= r.account.quotas["ManualSnapshots"] {
		return nil, query.Fault("SnapshotQuotaExceeded", "Cannot create more than %d manual snapshots", r.account.quotas["ManualSnapshots"])
	}
	t := r.sim.timing
	s := &DBSnapshot{ID: id, Instance: i.ID, Status: statusCreating, Version: i.EngineVersion, Storage: i.Storage, Created: r.sim.now,
		Resource: i.ResourceID, Tags: tags, start: r.sim.now, took: perTiB(t.FinalSnapshot, t.SnapshotPerTiB, i.Storage.GiB)}
	r.snapshots.put(id, s)
	r.sim.after(s.took, func() { s.Status = statusAvailable })
	return s, nil
}

func (r *region) deleteSnapshot(p *query.Params) ([]query.Node, error) {
	s, err := r.snapshot(p.Str("DBSnapshotIdentifier"))
	if err != nil {
		return nil, err
	}
	if s.Status != statusAvailable {
		return nil, query.Fault("InvalidDBSnapshotState", "Snapshot %s is not in available state: %s", s.ID, s.Status)
	}
	r.snapshots.remove(s.ID)
	return []query.Node{r.snapshotNode("DBSnapshot", s)}, nil
}

func (r *region) snapshotNode(name string, s *DBSnapshot) query.Node {
	pct := 100
	if s.Status == statusCreating {
		if total := r.sim.scale(s.took); total > 0 {
			pct = min(99, int(100*r.sim.now.Sub(s.start)/total))
		}
	}
	return query.E(name, query.S("DBSnapshotIdentifier", s.ID), query.S("DBInstanceIdentifier", s.Instance),
		query.Time("SnapshotCreateTime", s.Created), query.S("Engine", "mysql"), query.I("AllocatedStorage", s.Storage.GiB),
		query.S("Status", s.Status), query.S("EngineVersion", s.Version), query.S("SnapshotType", "manual"),
		query.OptI("Iops", s.Storage.IOPS), query.I("PercentProgress", pct), query.S("StorageType", s.Storage.Type),
		query.S("DBSnapshotArn", r.arn("snapshot", s.ID)), query.S("DbiResourceId", s.Resource), tagList(s.Tags))
}

func (r *region) describeSnapshots(p *query.Params) ([]query.Node, error) {
	id, instance := lower(p.Str("DBSnapshotIdentifier")), lower(p.Str("DBInstanceIdentifier"))
	if id != "" {
		if _, err := r.snapshot(id); err != nil {
			return nil, err
		}
	}
	ids, instances := filterValues(p, "db-snapshot-id"), filterValues(p, "db-instance-id")
	return paged(p, "DBSnapshots", r.snapshots.from, limit100, func(_ string, s *DBSnapshot) query.Node {
		if (id != "" && id != s.ID) || (instance != "" && instance != s.Instance) || (ids != nil && !ids[s.ID]) ||
			(instances != nil && !instances[s.Instance]) || p.Str("SnapshotType") == "automated" {
			return query.Node{}
		}
		return r.snapshotNode("DBSnapshot", s)
	})
}

func (r *region) describeLogFiles(p *query.Params) ([]query.Node, error) {
	i, err := r.instance(p.Str("DBInstanceIdentifier"))
	if err != nil {
		return nil, err
	}
	contains := p.Str("FilenameContains")
	minSize, _ := p.Int("FileSize")
	rows := table[string]{}
	for name, text := range i.Logs {
		if strings.Contains(name, contains) && len(text) >= minSize {
			rows.put(name, text)
		}
	}
	return paged(p, "DescribeDBLogFiles", rows.from, limit100, func(name, text string) query.Node {
		return query.E("DescribeDBLogFilesDetails", query.S("LogFileName", name), query.I("Size", len(text)),
			query.S("LastWritten", strconv.FormatInt(r.sim.now.UnixMilli(), 10)))
	})
}

// maxLogPortion is the most one DownloadDBLogFilePortion answers.
const maxLogPortion = 1 << 20

// downloadLog answers a portion of a log. Marker "0" reads from the start, no
// Marker the last lines. The marker is the offset of the next byte.
func (r *region) downloadLog(p *query.Params) ([]query.Node, error) {
	i, err := r.instance(p.Str("DBInstanceIdentifier"))
	if err != nil {
		return nil, err
	}
	text, ok := i.Logs[p.Str("LogFileName")]
	if !ok {
		return nil, query.NotFound("DBLogFileNotFoundFault", "DBLog File: %s, is not found on the DB instance", p.Str("LogFileName"))
	}
	lines, sent := p.Int("NumberOfLines")
	if err := p.Err(); err != nil {
		return nil, err
	}
	if !sent || lines < 1 || lines > 10000 {
		lines = 10000
	}
	if p.Str("Marker") == "" {
		part := lastLines(text, lines)
		return []query.Node{query.S("LogFileData", part), query.S("Marker", strconv.Itoa(len(text))), query.B("AdditionalDataPending", false)}, nil
	}
	from, err := strconv.Atoi(p.Str("Marker"))
	if err != nil || from < 0 || from > len(text) {
		return nil, query.Fault("InvalidParameterValue", "Invalid Marker: %s", p.Str("Marker"))
	}
	part := firstLines(text[from:], lines)
	next := from + len(part)
	return []query.Node{query.S("LogFileData", part), query.S("Marker", strconv.Itoa(next)), query.B("AdditionalDataPending", next < len(text))}, nil
}

func firstLines(text string, n int) string {
	end := 0
	for ; n > 0 && end < len(text); n-- {
		cut := strings.IndexByte(text[end:], '\n')
		if cut < 0 {
			end = len(text)
			break
		}
		end += cut + 1
	}
	return text[:min(end, maxLogPortion)]
}

func lastLines(text string, n int) string {
	if text == "" {
		return ""
	}
	start := len(strings.TrimSuffix(text, "\n"))
	for ; n > 0 && start > 0; n-- {
		start = strings.LastIndexByte(text[:start], '\n')
	}
	return text[start+1:][max(0, len(text)-start-1-maxLogPortion):]
}
