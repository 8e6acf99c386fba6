// Package bluegreen is the upgrade of one database: its route, its target, its
// stage as AWS shows it, and the actions that come next. Everything that
// decides here is a pure function over facts; nothing calls AWS or a server.
package bluegreen

import (
	"strings"
	"time"
)

// Instance is an RDS DB instance as DescribeDBInstances shows it.
type Instance struct {
	ID         string `json:"id"`
	ARN        string `json:"arn"`
	ResourceID string `json:"resource_id"` // stays with the machine when names move
	Engine     string `json:"engine"`
	Version    string `json:"version"`
	Class      string `json:"class"`
	Status     string `json:"status"`
	Address    string `json:"address,omitempty"`
	Port       int    `json:"port,omitempty"`

	StorageType     string `json:"storage_type"`
	AllocatedGiB    int    `json:"allocated_gib"`
	MaxAllocatedGiB int    `json:"max_allocated_gib,omitempty"`
	IOPS            int    `json:"iops,omitempty"`
	ThroughputMiBps int    `json:"throughput_mibps,omitempty"`
	DedicatedLog    bool   `json:"dedicated_log,omitempty"`
	Encrypted       bool   `json:"encrypted,omitempty"`
	KMSKey          string `json:"kms_key,omitempty"`

	MultiAZ           bool     `json:"multi_az,omitempty"`
	AZ                string   `json:"az,omitempty"`
	SubnetGroup       string   `json:"subnet_group,omitempty"`
	SubnetAZs         []string `json:"subnet_azs,omitempty"`
	ReplicaSource     string   `json:"replica_source,omitempty"` // id, or ARN when in another Region
	Replicas          []string `json:"replicas,omitempty"`       // ids, or ARNs when in another Region
	ReplicaClusters   []string `json:"replica_clusters,omitempty"`
	ClusterID         string   `json:"cluster_id,omitempty"`
	BackupDays        int      `json:"backup_days"`
	ManagedSecret     string   `json:"managed_secret,omitempty"` // master password managed by Secrets Manager
	MasterUser        string   `json:"master_user,omitempty"`
	Protected         bool     `json:"deletion_protection,omitempty"`
	ParameterGroup    string   `json:"parameter_group,omitempty"`
	ParameterStatus   string   `json:"parameter_status,omitempty"` // in-sync, pending-reboot, applying
	OptionGroup       string   `json:"option_group,omitempty"`
	OptionStatus      string   `json:"option_status,omitempty"`
	Pending           []string `json:"pending,omitempty"` // PendingModifiedValues as Field=value
	Roles             []string `json:"roles,omitempty"`   // associated IAM roles
	CACertificate     string   `json:"ca_certificate,omitempty"`
	Lifecycle         string   `json:"lifecycle,omitempty"` // EngineLifecycleSupport
	StorageUpgrade    bool     `json:"storage_upgrade,omitempty"`
	Progress          string   `json:"progress,omitempty"` // PercentProgress
	StorageOperation  string   `json:"storage_operation,omitempty"`
	MaintenanceWindow string   `json:"maintenance_window,omitempty"`
	IAMAuth           bool     `json:"iam_auth,omitempty"`

	Tags    map[string]string `json:"tags,omitempty"`
	Created time.Time         `json:"created,omitzero"`
}

// Available tells that RDS would accept a change to the instance now.
func (i Instance) Available() bool { return i.Status == "available" }

// Settled tells that the instance serves, and that no storage work slows it:
// storage-initialization and storage-optimization are not settled.
func (i Instance) Settled() bool {
	return i.Status == "available" && len(i.Pending) == 0 &&
		(i.StorageOperation == "" || strings.EqualFold(i.StorageOperation, "completed"))
}

// Deployment is an RDS blue/green deployment.
type Deployment struct {
	ID      string            `json:"id"`
	Name    string            `json:"name"`
	Source  string            `json:"source"` // ARN of blue
	Target  string            `json:"target,omitempty"`
	Status  string            `json:"status"`
	Details string            `json:"details,omitempty"`
	Members []Member          `json:"members,omitempty"`
	Tasks   []Task            `json:"tasks,omitempty"`
	Created time.Time         `json:"created,omitzero"`
	Deleted time.Time         `json:"deleted,omitzero"`
	Tags    map[string]string `json:"tags,omitempty"`
}

// The statuses of a deployment. AWS sends plain strings: others may come.
const (
	Provisioning         = "PROVISIONING"
	Available            = "AVAILABLE"
	SwitchoverInProgress = "SWITCHOVER_IN_PROGRESS"
	SwitchoverCompleted  = "SWITCHOVER_COMPLETED"
	SwitchoverFailed     = "SWITCHOVER_FAILED"
	InvalidConfiguration = "INVALID_CONFIGURATION"
	Deleting             = "DELETING"
)

// Member is one pair of a deployment: a blue instance and its green twin.
type Member struct {
	Source string `json:"source"` // ARN
	Target string `json:"target,omitempty"`
	Status string `json:"status"`
}

// Task is one step of building a green.
type Task struct {
	Name   string `json:"name"`
	Status string `json:"status"`
}

// Event is an RDS event. AWS gives no event id over the API, only text.
type Event struct {
	SourceID   string    `json:"source_id"`
	SourceType string    `json:"source_type"`
	ARN        string    `json:"arn,omitempty"`
	Message    string    `json:"message"`
	Categories []string  `json:"categories,omitempty"`
	At         time.Time `json:"at"`
}

// EngineVersion is a version that RDS offers or still knows.
type EngineVersion struct {
	Version        string          `json:"version"`
	Family         string          `json:"family"` // parameter group family, mysql8.0
	Status         string          `json:"status"` // available, deprecated
	UpgradeTargets []UpgradeTarget `json:"upgrade_targets,omitempty"`
}

// UpgradeTarget is one entry of ValidUpgradeTarget.
type UpgradeTarget struct {
	Version string `json:"version"`
	Major   bool   `json:"major"`
}

// Orderable is one way RDS sells an instance: a class and storage type for a version.
type Orderable struct {
	Version           string   `json:"version"`
	Class             string   `json:"class"`
	StorageType       string   `json:"storage_type"`
	AZs               []string `json:"azs,omitempty"`
	MultiAZ           bool     `json:"multi_az"`
	Replicas          bool     `json:"replicas"`
	MinGiB            int      `json:"min_gib,omitempty"`
	MaxGiB            int      `json:"max_gib,omitempty"`
	MinIOPS           int      `json:"min_iops,omitempty"`
	MaxIOPS           int      `json:"max_iops,omitempty"`
	MaxThroughputMiBs int      `json:"max_throughput_mibps,omitempty"`
}

// Lifecycle is the support calendar of a major line.
type Lifecycle struct {
	Line          string    `json:"line"` // "5.7"
	StandardStart time.Time `json:"standard_start,omitzero"`
	StandardEnd   time.Time `json:"standard_end,omitzero"`
	ExtendedStart time.Time `json:"extended_start,omitzero"`
	ExtendedEnd   time.Time `json:"extended_end,omitzero"`
	// Source says where the dates are from: the API, or the built-in table and its date.
	Source string `json:"source"`
}

// ParameterGroup is a DB parameter group.
type ParameterGroup struct {
	Name        string            `json:"name"`
	ARN         string            `json:"arn,omitempty"`
	Family      string            `json:"family"`
	Description string            `json:"description,omitempty"`
	Tags        map[string]string `json:"tags,omitempty"`
}

// Parameter is one setting of a parameter group or family.
type Parameter struct {
	Name          string `json:"name"`
	Value         string `json:"value"`
	HasValue      bool   `json:"has_value"`
	Source        string `json:"source,omitempty"` // user, system, engine-default
	ApplyType     string `json:"apply_type,omitempty"`
	ApplyMethod   string `json:"apply_method,omitempty"`
	DataType      string `json:"data_type,omitempty"`
	AllowedValues string `json:"allowed_values,omitempty"`
	Modifiable    bool   `json:"modifiable"`
}

// Quota is one account quota (DescribeAccountAttributes).
type Quota struct {
	Name string `json:"name"`
	Used int64  `json:"used"`
	Max  int64  `json:"max"`
}

// OptionGroup is a DB option group.
type OptionGroup struct {
	Name    string   `json:"name"`
	Engine  string   `json:"engine"`
	Line    string   `json:"line"`
	Options []string `json:"options,omitempty"`
	// Detail holds the options that have settings of somebody's choice.
	Detail []Option `json:"detail,omitempty"`
}

// machine finds an instance by its resource id under another name than but. A
// read that goes over several pages while RDS renames may list it twice: the
// first by name counts then, whatever the order.
func machine(instances map[string]*Instance, resource, but string) *Instance {
	var found *Instance
	for id, i := range instances {
		if resource != "" && i.ResourceID == resource && id != but && (found == nil || i.ID < found.ID) {
			found = i
		}
	}
	return found
}

// IDFromARN is the last part of an RDS ARN: the instance's or deployment's
// name. An id that is no ARN is returned as it is.
func IDFromARN(arn string) string {
	if !strings.HasPrefix(arn, "arn:") {
		return arn
	}
	return arn[strings.LastIndexByte(arn, ':')+1:]
}
