package awsrds

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
)

// ParameterGroups are all DB parameter groups, without their tags: AWS gives
// those one group at a time ([Client.Tags]).
func (c *Client) ParameterGroups(ctx context.Context) ([]bluegreen.ParameterGroup, error) {
	return c.parameterGroups(ctx, "")
}

func (c *Client) parameterGroups(ctx context.Context, name string) ([]bluegreen.ParameterGroup, error) {
	var all []bluegreen.ParameterGroup
	err := pages(func(marker *string) (*string, error) {
		in := &rds.DescribeDBParameterGroupsInput{DBParameterGroupName: optional(name), Marker: marker}
		if name == "" {
			in.MaxRecords = aws.Int32(pageSize)
		}
		out, err := get(ctx, c.read.DescribeDBParameterGroups, in)
		if err != nil {
			return nil, err
		}
		all = append(all, convert(out.DBParameterGroups, func(g types.DBParameterGroup) bluegreen.ParameterGroup {
			return bluegreen.ParameterGroup{Name: aws.ToString(g.DBParameterGroupName),
				ARN: aws.ToString(g.DBParameterGroupArn), Family: aws.ToString(g.DBParameterGroupFamily),
				Description: aws.ToString(g.Description)}
		})...)
		return out.Marker, nil
	})
	return all, err
}

// Tags are the tags of an RDS resource.
func (c *Client) Tags(ctx context.Context, arn string) (map[string]string, error) {
	out, err := get(ctx, c.read.ListTagsForResource, &rds.ListTagsForResourceInput{ResourceName: aws.String(arn)})
	if err != nil {
		return nil, err
	}
	return tagMap(out.TagList), nil
}

// Parameters are the settings of a DB parameter group. source selects user,
// system or engine-default; "" is all of them.
func (c *Client) Parameters(ctx context.Context, group, source string) ([]bluegreen.Parameter, error) {
	var all []bluegreen.Parameter
	err := pages(func(marker *string) (*string, error) {
		out, err := get(ctx, c.read.DescribeDBParameters, &rds.DescribeDBParametersInput{
			DBParameterGroupName: aws.String(group), Source: optional(source),
			MaxRecords: aws.Int32(pageSize), Marker: marker})
		if err != nil {
			return nil, err
		}
		all = append(all, convert(out.Parameters, parameter)...)
		return out.Marker, nil
	})
	return all, err
}

// DefaultParameters are the settings that RDS starts a family with (mysql8.0).
func (c *Client) DefaultParameters(ctx context.Context, family string) ([]bluegreen.Parameter, error) {
	var all []bluegreen.Parameter
	err := pages(func(marker *string) (*string, error) {
		out, err := get(ctx, c.read.DescribeEngineDefaultParameters, &rds.DescribeEngineDefaultParametersInput{
			DBParameterGroupFamily: aws.String(family), MaxRecords: aws.Int32(pageSize), Marker: marker})
		if err != nil {
			return nil, err
		}
		if out.EngineDefaults == nil {
			return nil, &bluegreen.Fault{Code: BadAnswer, Op: "DescribeEngineDefaultParameters",
				Message: "the answer holds no defaults for " + oneLine(family), Consequence: bluegreen.Fix}
		}
		all = append(all, convert(out.EngineDefaults.Parameters, parameter)...)
		return out.EngineDefaults.Marker, nil
	})
	return all, err
}

func parameter(p types.Parameter) bluegreen.Parameter {
	return bluegreen.Parameter{
		Name: aws.ToString(p.ParameterName), Value: aws.ToString(p.ParameterValue),
		HasValue: p.ParameterValue != nil, Source: aws.ToString(p.Source),
		ApplyType: aws.ToString(p.ApplyType), ApplyMethod: string(p.ApplyMethod),
		DataType: aws.ToString(p.DataType), AllowedValues: aws.ToString(p.AllowedValues),
		Modifiable: aws.ToBool(p.IsModifiable),
	}
}

// OptionGroups are the option groups for MySQL.
func (c *Client) OptionGroups(ctx context.Context) ([]bluegreen.OptionGroup, error) {
	var all []bluegreen.OptionGroup
	err := pages(func(marker *string) (*string, error) {
		out, err := get(ctx, c.read.DescribeOptionGroups, &rds.DescribeOptionGroupsInput{
			EngineName: aws.String(engineMySQL), MaxRecords: aws.Int32(pageSize), Marker: marker})
		if err != nil {
			return nil, err
		}
		all = append(all, convert(out.OptionGroupsList, func(g types.OptionGroup) bluegreen.OptionGroup {
			return bluegreen.OptionGroup{Name: aws.ToString(g.OptionGroupName), Engine: aws.ToString(g.EngineName),
				Line: aws.ToString(g.MajorEngineVersion),
				Options: convert(g.Options, func(o types.Option) string {
					return aws.ToString(o.OptionName)
				}), Detail: chosen(g.Options)}
		})...)
		return out.Marker, nil
	})
	return all, err
}
