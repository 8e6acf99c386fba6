package simcloud

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
)

// Do implements fleet.Cloud, with the same idempotence as the adapter to AWS.
func (c *Cloud) Do(ctx context.Context, a bluegreen.Action) (bluegreen.Outcome, error) {
	switch a.Kind {
	case bluegreen.CreateParameterGroup:
		return c.createGroup(*a.Group)
	case bluegreen.SetParameters:
		return c.setParameters(ctx, *a.Group)
	case bluegreen.CreateDeployment:
		return c.create(*a.Create)
	case bluegreen.ModifyInstance:
		return c.change("ModifyDBInstance", modifyForm(a.Instance, *a.Modify), "")
	case bluegreen.RebootInstance:
		return c.change("RebootDBInstance", url.Values{"DBInstanceIdentifier": {a.Instance}}, "")
	case bluegreen.Switchover:
		return c.change("SwitchoverBlueGreenDeployment", url.Values{"BlueGreenDeploymentIdentifier": {a.Deployment},
			"SwitchoverTimeout": {strconv.Itoa(int(a.Timeout.Seconds()))}}, "")
	case bluegreen.DeleteDeployment:
		form := url.Values{"BlueGreenDeploymentIdentifier": {a.Deployment}}
		if a.DeleteTarget {
			form.Set("DeleteTarget", "true")
		}
		return c.change("DeleteBlueGreenDeployment", form, "BlueGreenDeploymentNotFound")
	case bluegreen.DeleteInstance:
		return c.deleteInstance(a)
	case bluegreen.CreateSnapshot:
		return c.change("CreateDBSnapshot", url.Values{"DBInstanceIdentifier": {a.Instance}, "DBSnapshotIdentifier": {a.Snapshot}}, "DBSnapshotAlreadyExists")
	case bluegreen.CreateOptionGroup:
		return c.createOptions(*a.Options)
	case bluegreen.AddRole:
		arn, feature, _ := strings.Cut(a.Role, " (")
		return c.change("AddRoleToDBInstance", url.Values{"DBInstanceIdentifier": {a.Instance}, "RoleArn": {arn},
			"FeatureName": {strings.TrimSuffix(feature, ")")}}, "DBInstanceRoleAlreadyExists")
	}
	return bluegreen.Outcome{}, &bluegreen.Fault{Code: "IncompleteAction", Message: "the model has no " + string(a.Kind), Consequence: bluegreen.Fix}
}

// change makes a mutating call; the refusal fine means that it is so already.
func (c *Cloud) change(action string, form url.Values, fine string) (bluegreen.Outcome, error) {
	_, err := c.ask(action, true, form)
	if fine != "" && hasCode(err, fine) {
		return bluegreen.Outcome{Already: true}, nil
	}
	return bluegreen.Outcome{}, err
}

// createOptions creates an option group with its options.
func (c *Cloud) createOptions(s bluegreen.OptionSpec) (bluegreen.Outcome, error) {
	form := url.Values{"OptionGroupName": {s.Name}, "EngineName": {"mysql"}, "MajorEngineVersion": {s.Line}, "OptionGroupDescription": {s.Description}}
	setTags(form, s.Tags)
	out, err := c.change("CreateOptionGroup", form, "OptionGroupAlreadyExists")
	if err != nil || out.Already {
		return out, err
	}
	form = url.Values{"OptionGroupName": {s.Name}, "ApplyImmediately": {"true"}}
	for n, o := range s.Options {
		form.Set("OptionsToInclude.OptionConfiguration."+strconv.Itoa(n+1)+".OptionName", o.Name)
	}
	return c.change("ModifyOptionGroup", form, "")
}

func hasCode(err error, code string) bool {
	var f *bluegreen.Fault
	return errors.As(err, &f) && strings.TrimSuffix(f.Code, "Fault") == strings.TrimSuffix(code, "Fault")
}

func modifyForm(id string, m bluegreen.ModifySpec) url.Values {
	form := url.Values{"DBInstanceIdentifier": {id}, "ApplyImmediately": {"true"}}
	set(form, "DBInstanceClass", m.Class)
	set(form, "EngineVersion", m.Version)
	set(form, "DBParameterGroupName", m.ParameterGroup)
	set(form, "OptionGroupName", m.OptionGroup)
	set(form, "NewDBInstanceIdentifier", m.NewID)
	if m.Version != "" {
		form.Set("AllowMajorVersionUpgrade", "true")
	}
	if m.Protected != nil {
		form.Set("DeletionProtection", strconv.FormatBool(*m.Protected))
	}
	if m.MultiAZ != nil {
		form.Set("MultiAZ", strconv.FormatBool(*m.MultiAZ))
	}
	if s := m.Storage; s != nil {
		set(form, "StorageType", s.Type)
		setInt(form, "AllocatedStorage", s.AllocatedGiB)
		setInt(form, "Iops", s.IOPS)
		setInt(form, "StorageThroughput", s.ThroughputMiBps)
	}
	return form
}

func (c *Cloud) create(s bluegreen.CreateSpec) (bluegreen.Outcome, error) {
	form := url.Values{"BlueGreenDeploymentName": {s.Name}, "Source": {s.SourceARN}}
	set(form, "TargetEngineVersion", s.Version)
	set(form, "TargetDBParameterGroupName", s.ParameterGroup)
	set(form, "TargetDBInstanceClass", s.Class)
	if st := s.Storage; st != nil {
		set(form, "TargetStorageType", st.Type)
		setInt(form, "TargetAllocatedStorage", st.AllocatedGiB)
		setInt(form, "TargetIops", st.IOPS)
		setInt(form, "TargetStorageThroughput", st.ThroughputMiBps)
		if st.UpgradeConfig {
			form.Set("UpgradeTargetStorageConfig", "true")
		}
	}
	setTags(form, s.Tags)
	e, err := c.ask("CreateBlueGreenDeployment", true, form)
	if err == nil {
		d := deploymentOf(e.kid("BlueGreenDeployment"))
		return bluegreen.Outcome{Deployment: &d}, nil
	}
	if !hasCode(err, "BlueGreenDeploymentAlreadyExists") {
		return bluegreen.Outcome{}, err
	}
	found, lookErr := list(c, "DescribeBlueGreenDeployments", "BlueGreenDeployments", url.Values{
		"Filters.Filter.1.Name": {"blue-green-deployment-name"}, "Filters.Filter.1.Values.Value.1": {s.Name}}, deploymentOf)
	if lookErr != nil {
		return bluegreen.Outcome{}, lookErr
	}
	for _, d := range found {
		if d.Source == s.SourceARN && d.Status != bluegreen.Deleting && d.Tags[bluegreen.TagCampaign] == s.Tags[bluegreen.TagCampaign] {
			return bluegreen.Outcome{Deployment: &d, Already: true}, nil
		}
	}
	var f *bluegreen.Fault
	if errors.As(err, &f) {
		f.Consequence = bluegreen.Wait
	}
	return bluegreen.Outcome{}, err
}

func (c *Cloud) createGroup(g bluegreen.ParameterSpec) (bluegreen.Outcome, error) {
	form := url.Values{"DBParameterGroupName": {g.Name}, "DBParameterGroupFamily": {g.Family}, "Description": {g.Description}}
	setTags(form, g.Tags)
	return c.change("CreateDBParameterGroup", form, "DBParameterGroupAlreadyExists")
}

// setParameters sends what is not set yet, in lots of twenty, the most that RDS takes at once.
func (c *Cloud) setParameters(ctx context.Context, g bluegreen.ParameterSpec) (bluegreen.Outcome, error) {
	have, err := c.Parameters(ctx, g.Name, "user")
	if err != nil {
		return bluegreen.Outcome{}, err
	}
	rest := slices.DeleteFunc(slices.Clone(g.Parameters), func(p bluegreen.Parameter) bool {
		return slices.ContainsFunc(have, func(h bluegreen.Parameter) bool { return h.Name == p.Name && h.Value == p.Value })
	})
	if len(rest) == 0 {
		return bluegreen.Outcome{Already: true}, nil
	}
	for lot := range slices.Chunk(rest, 20) {
		form := url.Values{"DBParameterGroupName": {g.Name}}
		for n, p := range lot {
			at := fmt.Sprintf("Parameters.Parameter.%d.", n+1)
			form.Set(at+"ParameterName", p.Name)
			form.Set(at+"ParameterValue", p.Value)
			form.Set(at+"ApplyMethod", "pending-reboot")
		}
		if out, err := c.change("ModifyDBParameterGroup", form, ""); err != nil {
			return out, err
		}
	}
	return bluegreen.Outcome{}, nil
}
