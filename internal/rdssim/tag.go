package rdssim

import (
	"strings"

	"github.com/rdsupgrade/rdsupgrade/internal/rdssim/query"
)

// tagsOf reads Tags.Tag.N of a request.
func tagsOf(p *query.Params) map[string]string {
	tags := map[string]string{}
	for _, t := range p.Structs("Tags.Tag", "Key", "Value") {
		tags[t["Key"]] = t["Value"]
	}
	return tags
}

func tagList(tags map[string]string) query.Node {
	n := query.E("TagList")
	for _, k := range sortedKeys(tags) {
		n.Kids = append(n.Kids, query.E("Tag", query.S("Key", k), query.S("Value", tags[k])))
	}
	return n
}

// tagged finds the tags of a resource by its ARN.
func (r *region) tagged(arn string) (*map[string]string, error) {
	at, kind, name, ok := splitARN(arn)
	if !ok || at != r.at {
		return nil, query.Fault("InvalidParameterValue", "The specified resource name does not match an RDS resource in this region: %s", arn)
	}
	switch kind {
	case "db":
		i, err := r.instance(name)
		if err != nil {
			return nil, err
		}
		return &i.Tags, nil
	case "deployment":
		d, err := r.deployment(name)
		if err != nil {
			return nil, err
		}
		return &d.Tags, nil
	case "pg":
		g, err := r.group(name)
		if err != nil {
			return nil, err
		}
		return &g.Tags, nil
	case "og":
		g, err := r.optionGroup(name)
		if err != nil {
			return nil, err
		}
		return &g.Tags, nil
	case "snapshot":
		s, err := r.snapshot(name)
		if err != nil {
			return nil, err
		}
		return &s.Tags, nil
	}
	return nil, query.Fault("InvalidParameterValue", "Invalid resource name: %s", arn)
}

func (r *region) addTags(p *query.Params) ([]query.Node, error) {
	tags, err := r.tagged(p.Str("ResourceName"))
	if err != nil {
		return nil, err
	}
	add := tagsOf(p)
	for k := range add {
		if k == "" || len(k) > 128 || strings.HasPrefix(strings.ToLower(k), "aws:") {
			return nil, query.Fault("InvalidParameterValue", "The tag key %q is not valid", k)
		}
	}
	if *tags == nil {
		*tags = map[string]string{}
	}
	for k, v := range add {
		(*tags)[k] = v
	}
	if len(*tags) > 50 {
		return nil, query.Fault("InvalidParameterValue", "The resource can't have more than 50 tags")
	}
	return nil, nil
}

func (r *region) removeTags(p *query.Params) ([]query.Node, error) {
	tags, err := r.tagged(p.Str("ResourceName"))
	if err != nil {
		return nil, err
	}
	for _, k := range p.Strings("TagKeys.member") {
		delete(*tags, k)
	}
	return nil, nil
}

func (r *region) listTags(p *query.Params) ([]query.Node, error) {
	tags, err := r.tagged(p.Str("ResourceName"))
	if err != nil {
		return nil, err
	}
	return []query.Node{tagList(*tags)}, nil
}
