package bluegreen

import (
	"fmt"
	"strings"
	"time"
)

// ActionKind names a mutating call.
type ActionKind string

// The actions. Each is one mutating API call.
const (
	CreateParameterGroup ActionKind = "create-parameter-group"
	SetParameters        ActionKind = "set-parameters" // at most 20 at a time
	CreateDeployment     ActionKind = "create-deployment"
	ModifyInstance       ActionKind = "modify-instance"
	RebootInstance       ActionKind = "reboot-instance"
	Switchover           ActionKind = "switchover"
	DeleteDeployment     ActionKind = "delete-deployment"
	DeleteInstance       ActionKind = "delete-instance"
	CreateSnapshot       ActionKind = "create-snapshot"
	AddRole              ActionKind = "add-role"
	// CreateOptionGroup creates an option group and puts its options in: two calls.
	CreateOptionGroup ActionKind = "create-option-group"
)

// Action is one mutating call, complete: plan prints it, run carries it out,
// the journal records it, simulate plays it.
type Action struct {
	Kind     ActionKind `json:"kind"`
	Database string     `json:"database"`
	// Why is one line for the journal and the person.
	Why string `json:"why,omitempty"`

	// Instance is the DB instance that is modified, rebooted, deleted or snapshotted.
	Instance string `json:"instance,omitempty"`
	// Deployment is the deployment's id (bgd-...).
	Deployment string `json:"deployment,omitempty"`

	Create *CreateSpec    `json:"create,omitempty"`
	Modify *ModifySpec    `json:"modify,omitempty"`
	Group  *ParameterSpec `json:"group,omitempty"`
	// Options is the option group to create.
	Options *OptionSpec `json:"options,omitempty"`
	// Timeout is the switchover's own, 30 s to 3600 s.
	Timeout time.Duration `json:"timeout,omitempty"`
	// DeleteTarget deletes the green with its deployment.
	DeleteTarget bool `json:"delete_target,omitempty"`
	// Snapshot is a final or manual snapshot's name.
	Snapshot string `json:"snapshot,omitempty"`
	// ResourceID is the machine that must bear the name Instance: names move,
	// and a deletion is refused when another one bears it.
	ResourceID string `json:"resource_id,omitempty"`
	// Replica: the deleted instance is a read replica, of which RDS takes no final snapshot.
	Replica bool `json:"replica,omitempty"`
	// Adopted: the final snapshot is there already, and no other is taken.
	Adopted bool   `json:"adopted,omitempty"`
	Role    string `json:"role,omitempty"`
}

// CreateSpec is the input of CreateBlueGreenDeployment.
type CreateSpec struct {
	Name           string            `json:"name"`
	SourceARN      string            `json:"source_arn"`
	Version        string            `json:"version,omitempty"` // "": keep
	ParameterGroup string            `json:"parameter_group,omitempty"`
	Class          string            `json:"class,omitempty"` // "": keep
	Storage        *StorageSpec      `json:"storage,omitempty"`
	Tags           map[string]string `json:"tags,omitempty"`
}

// StorageSpec is a storage target; zero fields are not sent.
type StorageSpec struct {
	Type            string `json:"type,omitempty"`
	AllocatedGiB    int    `json:"allocated_gib,omitempty"`
	IOPS            int    `json:"iops,omitempty"`
	ThroughputMiBps int    `json:"throughput_mibps,omitempty"`
	// UpgradeConfig asks for the storage file system upgrade.
	UpgradeConfig bool `json:"upgrade_config,omitempty"`
}

// ModifySpec is the input of ModifyDBInstance, always applied immediately;
// zero fields are not sent.
type ModifySpec struct {
	Class          string       `json:"class,omitempty"`
	Storage        *StorageSpec `json:"storage,omitempty"`
	Version        string       `json:"version,omitempty"`
	ParameterGroup string       `json:"parameter_group,omitempty"`
	OptionGroup    string       `json:"option_group,omitempty"`
	NewID          string       `json:"new_id,omitempty"`
	Protected      *bool        `json:"protected,omitempty"`
	MultiAZ        *bool        `json:"multi_az,omitempty"`
}

// ParameterSpec is a parameter group to create, or parameters to set in it.
type ParameterSpec struct {
	Name        string            `json:"name"`
	Family      string            `json:"family,omitempty"`
	Description string            `json:"description,omitempty"`
	Parameters  []Parameter       `json:"parameters,omitempty"`
	Tags        map[string]string `json:"tags,omitempty"`
}

// String is the action as plan prints it.
func (a Action) String() string {
	switch a.Kind {
	case CreateDeployment:
		parts := []string{"create deployment " + a.Create.Name}
		if a.Create.Version != "" {
			parts = append(parts, "to "+a.Create.Version)
		}
		if a.Create.Class != "" {
			parts = append(parts, a.Create.Class)
		}
		if a.Create.Storage != nil {
			parts = append(parts, a.Create.Storage.String())
		}
		if a.Create.ParameterGroup != "" {
			parts = append(parts, "parameter group "+a.Create.ParameterGroup)
		}
		return strings.Join(parts, ", ")
	case ModifyInstance:
		return "modify " + a.Instance + ": " + a.Modify.String()
	case RebootInstance:
		return "reboot " + a.Instance
	case Switchover:
		return fmt.Sprintf("switch over %s (timeout %s)", a.Deployment, a.Timeout)
	case DeleteDeployment:
		if a.DeleteTarget {
			return "delete deployment " + a.Deployment + " and its green"
		}
		return "delete deployment " + a.Deployment
	case DeleteInstance:
		switch {
		case a.Replica:
			return "delete read replica " + a.Instance + " (" + a.ResourceID + "), keeping its automated backups"
		case a.Adopted:
			return "delete instance " + a.Instance + " (" + a.ResourceID + "), whose final snapshot " + a.Snapshot + " is there already, keeping its automated backups"
		}
		return "delete instance " + a.Instance + " (" + a.ResourceID + ") with final snapshot " + a.Snapshot + ", keeping its automated backups"
	case CreateSnapshot:
		return "snapshot " + a.Instance + " as " + a.Snapshot
	case CreateParameterGroup:
		return "create parameter group " + a.Group.Name + " (" + a.Group.Family + ")"
	case SetParameters:
		if len(a.Group.Parameters) == 1 {
			return "set " + a.Group.Parameters[0].Name + "=" + a.Group.Parameters[0].Value + " in " + a.Group.Name
		}
		return fmt.Sprintf("set %d parameters in %s", len(a.Group.Parameters), a.Group.Name)
	case CreateOptionGroup:
		var names []string
		for _, o := range a.Options.Options {
			names = append(names, o.Name)
		}
		return "create option group " + a.Options.Name + " (mysql " + a.Options.Line + ") with " + strings.Join(names, ", ")
	case AddRole:
		return "attach role " + a.Role + " to " + a.Instance
	}
	return string(a.Kind)
}

// String is the storage as plan prints it.
func (s StorageSpec) String() string {
	var parts []string
	if s.Type != "" {
		parts = append(parts, s.Type)
	}
	if s.AllocatedGiB > 0 {
		parts = append(parts, fmt.Sprintf("%d GiB", s.AllocatedGiB))
	}
	if s.IOPS > 0 {
		parts = append(parts, fmt.Sprintf("%d IOPS", s.IOPS))
	}
	if s.ThroughputMiBps > 0 {
		parts = append(parts, fmt.Sprintf("%d MiB/s", s.ThroughputMiBps))
	}
	return strings.Join(parts, " ")
}

// String is the change as plan prints it.
func (m ModifySpec) String() string {
	var parts []string
	add := func(label, v string) {
		if v != "" {
			parts = append(parts, label+" "+v)
		}
	}
	add("class", m.Class)
	if m.Storage != nil {
		add("storage", m.Storage.String())
	}
	add("version", m.Version)
	add("parameter group", m.ParameterGroup)
	add("option group", m.OptionGroup)
	add("new name", m.NewID)
	if m.Protected != nil {
		add("deletion protection", fmt.Sprint(*m.Protected))
	}
	if m.MultiAZ != nil {
		add("Multi-AZ", fmt.Sprint(*m.MultiAZ))
	}
	return strings.Join(parts, ", ")
}

// Consequence classifies an error by what the operator may do next.
type Consequence string

// The consequences.
const (
	Retry     Consequence = "retry"     // passing: the same call may work later
	Wait      Consequence = "wait"      // something else must finish first
	Fix       Consequence = "fix"       // a person must change something, then retry
	Ambiguous Consequence = "ambiguous" // it may have happened: establish the facts first
	Fatal     Consequence = "fatal"     // wrong credentials or permissions: stop the run
)

// Fault is an AWS refusal or a transport failure, classified.
type Fault struct {
	// Code is AWS's own (InvalidDBInstanceState, ThrottlingException, ...) or
	// one of ours for the transport: Unreachable, NotRDS, Timeout, ExpiredToken.
	Code        string
	Message     string
	Op          string // API action
	Consequence Consequence
	RequestID   string
	Err         error
}

// Error is one line: action, code, message.
func (f *Fault) Error() string {
	s := f.Code
	if f.Op != "" {
		s = f.Op + ": " + s
	}
	if f.Message != "" {
		s += ": " + f.Message
	}
	return s
}

// Unwrap gives the transport's own error.
func (f *Fault) Unwrap() error { return f.Err }

// Outcome is what a mutating call answered.
type Outcome struct {
	// Deployment is set by CreateDeployment.
	Deployment *Deployment `json:"deployment,omitempty"`
	RequestID  string      `json:"request_id,omitempty"`
	// Already is true when the wanted thing was there before (a name that is ours).
	Already bool `json:"already,omitempty"`
}
