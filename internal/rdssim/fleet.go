package rdssim

import (
	"errors"
	"fmt"
	"io"
	"os"

	"go.yaml.in/yaml/v3"
)

// Fleet describes what exists when the simulation starts. docs/rdssim.md is
// the reference of the file format.
type Fleet struct {
	MySQL           MySQLAccess          `yaml:"mysql"`
	Accounts        []AccountSpec        `yaml:"accounts"`
	Defaults        DatabaseSpec         `yaml:"defaults"`
	ParameterGroups []ParameterGroupSpec `yaml:"parameter_groups"`
	OptionGroups    []OptionGroupSpec    `yaml:"option_groups"`
	Databases       []DatabaseSpec       `yaml:"databases"`
}

// MySQLAccess is the account that the simulated MySQL endpoints accept. The
// password is read from the environment variable when one is named and set.
type MySQLAccess struct {
	User        string `yaml:"user"`
	Password    string `yaml:"password"`
	PasswordEnv string `yaml:"password_env"`
}

// Secret resolves the password of the endpoints.
func (m MySQLAccess) Secret(getenv func(string) string) string {
	if m.PasswordEnv != "" {
		if v := getenv(m.PasswordEnv); v != "" {
			return v
		}
	}
	return m.Password
}

// AccountSpec is one AWS account with its limits and, where AWS's behaviour is
// not established, the behaviour to simulate.
type AccountSpec struct {
	ID      string         `yaml:"id"`
	Regions []string       `yaml:"regions"`
	Quotas  map[string]int `yaml:"quotas"` // AccountQuotaName: maximum per Region
	// OneCallGraviton: CreateBlueGreenDeployment accepts a 5.7 source with an
	// 8.0 target and a Graviton class in one call. Default true.
	OneCallGraviton *bool `yaml:"one_call_graviton"`
	// ProxySupported: databases behind an RDS Proxy may have deployments.
	// Default true (newer documentation); false is the older behaviour.
	ProxySupported *bool `yaml:"proxy_supported"`
	// TwoHopGreen: a green may be upgraded two majors ahead of its blue.
	TwoHopGreen bool `yaml:"two_hop_green"`
	// ModifyWhileInitializing: ModifyDBInstance is accepted in the status
	// storage-initialization.
	ModifyWhileInitializing bool                   `yaml:"modify_while_initializing"`
	ReservedInstances       []ReservedInstanceSpec `yaml:"reserved_instances"`
}

// ReservedInstanceSpec is a reservation as DescribeReservedDBInstances shows it.
type ReservedInstanceSpec struct {
	ID       string `yaml:"id"`
	Region   string `yaml:"region"`
	Class    string `yaml:"class"`
	Count    int    `yaml:"count"`
	MultiAZ  bool   `yaml:"multi_az"`
	Offering string `yaml:"offering"`  // "No Upfront", "Partial Upfront", "All Upfront"
	EndsDays int    `yaml:"ends_days"` // days until it ends, from the start
}

// ParameterGroupSpec is a custom DB parameter group. Without account and
// Region it exists in all of them.
type ParameterGroupSpec struct {
	Name        string            `yaml:"name"`
	Account     string            `yaml:"account"`
	Region      string            `yaml:"region"`
	Family      string            `yaml:"family"`
	Description string            `yaml:"description"`
	Parameters  map[string]string `yaml:"parameters"`
}

// OptionGroupSpec is a custom option group.
type OptionGroupSpec struct {
	Name         string   `yaml:"name"`
	Account      string   `yaml:"account"`
	Region       string   `yaml:"region"`
	MajorVersion string   `yaml:"major_version"`
	Options      []string `yaml:"options"`
}

// DatabaseSpec is one primary with its replicas. The fleet's defaults use the
// same type; what a database leaves out is taken from there.
type DatabaseSpec struct {
	ID                      string            `yaml:"id"`
	Account                 string            `yaml:"account"`
	Region                  string            `yaml:"region"`
	EngineVersion           string            `yaml:"engine_version"`
	Class                   string            `yaml:"class"`
	StorageType             string            `yaml:"storage_type"`
	AllocatedStorage        int               `yaml:"allocated_storage"` // GiB
	MaxAllocatedStorage     int               `yaml:"max_allocated_storage"`
	UsedStoragePercent      int               `yaml:"used_storage_percent"`
	IOPS                    int               `yaml:"iops"`
	Throughput              int               `yaml:"throughput"` // MiB/s
	MultiAZ                 *bool             `yaml:"multi_az"`
	BackupRetention         *int              `yaml:"backup_retention"` // days, 0 turns backups off
	ParameterGroup          string            `yaml:"parameter_group"`
	ParameterApplyStatus    string            `yaml:"parameter_apply_status"`
	OptionGroup             string            `yaml:"option_group"`
	Tags                    map[string]string `yaml:"tags"`
	Replicas                []ReplicaSpec     `yaml:"replicas"`
	Profile                 string            `yaml:"profile"` // which recorded answers its MySQL endpoint plays
	ProfileAfter            string            `yaml:"profile_after"`
	Schema                  string            `yaml:"schema"`
	Status                  string            `yaml:"status"`
	PendingModifications    map[string]string `yaml:"pending_modifications"`
	ManagedMasterPassword   bool              `yaml:"managed_master_password"`
	Encrypted               *bool             `yaml:"encrypted"`
	DeletionProtection      *bool             `yaml:"deletion_protection"`
	DedicatedLogVolume      bool              `yaml:"dedicated_log_volume"`
	Cluster                 string            `yaml:"cluster"` // member of a Multi-AZ DB cluster
	ExternalReplication     bool              `yaml:"external_replication"`
	ZeroETL                 bool              `yaml:"zero_etl"`
	Proxy                   *ProxySpec        `yaml:"proxy"`
	Roles                   []string          `yaml:"roles"`
	CACertificate           string            `yaml:"ca_certificate"`
	LifecycleSupport        string            `yaml:"lifecycle_support"`
	StorageConfigUpgrade    bool              `yaml:"storage_config_upgrade"` // 32-bit file system
	PendingMaintenance      []string          `yaml:"pending_maintenance"`
	UpgradeBlockers         []string          `yaml:"upgrade_blockers"` // check ids that fail inside green
	LagSeconds              int               `yaml:"lag_seconds"`      // green's lag when it is built
	MasterUser              string            `yaml:"master_user"`
	IAMAuthentication       bool              `yaml:"iam_authentication"`
	PerformanceInsights     *bool             `yaml:"performance_insights"`
	AutoMinorVersionUpgrade bool              `yaml:"auto_minor_version_upgrade"`
}

// ReplicaSpec is a read replica; what it leaves out is taken from its source.
type ReplicaSpec struct {
	ID               string `yaml:"id"`
	Source           string `yaml:"source"` // another replica, for a cascading one
	Region           string `yaml:"region"` // another Region, for a cross-Region one
	Class            string `yaml:"class"`
	StorageType      string `yaml:"storage_type"`
	AllocatedStorage int    `yaml:"allocated_storage"`
	IOPS             int    `yaml:"iops"`
	Throughput       int    `yaml:"throughput"`
	EngineVersion    string `yaml:"engine_version"`
	ParameterGroup   string `yaml:"parameter_group"`
	MultiAZ          bool   `yaml:"multi_az"`
}

// ProxySpec is an RDS Proxy in front of a database.
type ProxySpec struct {
	Name string `yaml:"name"`
	// Registered: the database is a target of the proxy that the proxy can
	// reach. Default true.
	Registered *bool `yaml:"registered"`
}

// LoadFleet reads and checks a fleet file. Unknown keys are errors.
func LoadFleet(path string) (*Fleet, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open fleet: %w", err)
	}
	defer f.Close()
	fleet, err := ParseFleet(f)
	if err != nil {
		return nil, fmt.Errorf("read fleet %s: %w", path, err)
	}
	return fleet, nil
}

// ParseFleet is LoadFleet for an open file.
func ParseFleet(r io.Reader) (*Fleet, error) {
	var fleet Fleet
	dec := yaml.NewDecoder(r)
	dec.KnownFields(true)
	if err := dec.Decode(&fleet); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, errors.New("the file is empty")
		}
		return nil, err
	}
	if err := fleet.Validate(); err != nil {
		return nil, err
	}
	return &fleet, nil
}
