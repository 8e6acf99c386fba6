package awsrds

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
)

// createOptionGroup creates and fills an option group, or adopts and completes
// our own. Including an option that is there already is harmless.
func (c *Client) createOptionGroup(ctx context.Context, s bluegreen.OptionSpec) (bluegreen.Outcome, error) {
	_, request, err := put(ctx, c.change.CreateOptionGroup, &rds.CreateOptionGroupInput{
		OptionGroupName: aws.String(s.Name), EngineName: aws.String(engineMySQL), MajorEngineVersion: aws.String(s.Line),
		OptionGroupDescription: aws.String(s.Description), Tags: tagList(s.Tags)})
	already := hasCode(err, "OptionGroupAlreadyExistsFault")
	if err != nil && !already {
		return bluegreen.Outcome{RequestID: request}, err
	}
	have := map[string]bool{}
	if already {
		list, lookErr := c.OptionGroups(ctx)
		if lookErr != nil {
			return bluegreen.Outcome{RequestID: request}, lookErr
		}
		at := slices.IndexFunc(list, func(g bluegreen.OptionGroup) bool { return strings.EqualFold(g.Name, s.Name) })
		if at < 0 || list[at].Line != s.Line {
			var f *bluegreen.Fault
			errors.As(err, &f)
			f.Message = "option group " + oneLine(s.Name) + " is taken by one of another version"
			return bluegreen.Outcome{RequestID: request}, f
		}
		for _, o := range list[at].Options {
			have[o] = true
		}
	}
	var include []types.OptionConfiguration
	for _, o := range s.Options {
		if have[o.Name] {
			continue
		}
		x := types.OptionConfiguration{OptionName: aws.String(o.Name)}
		for _, k := range slices.Sorted(maps.Keys(o.Settings)) {
			x.OptionSettings = append(x.OptionSettings, types.OptionSetting{Name: aws.String(k), Value: aws.String(o.Settings[k])})
		}
		include = append(include, x)
	}
	if len(include) == 0 {
		return bluegreen.Outcome{RequestID: request, Already: already}, nil
	}
	_, request, err = put(ctx, c.change.ModifyOptionGroup, &rds.ModifyOptionGroupInput{
		OptionGroupName: aws.String(s.Name), OptionsToInclude: include, ApplyImmediately: aws.Bool(true)})
	return bluegreen.Outcome{RequestID: request}, err
}

// chosen are the options with settings that somebody chose.
func chosen(options []types.Option) []bluegreen.Option {
	var out []bluegreen.Option
	for _, o := range options {
		settings := map[string]string{}
		for _, s := range o.OptionSettings {
			if v := aws.ToString(s.Value); aws.ToBool(s.IsModifiable) && v != "" && v != aws.ToString(s.DefaultValue) {
				settings[aws.ToString(s.Name)] = v
			}
		}
		if len(settings) > 0 {
			out = append(out, bluegreen.Option{Name: aws.ToString(o.OptionName), Settings: settings})
		}
	}
	return out
}
