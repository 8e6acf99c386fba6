package bluegreen

import (
	"slices"
	"testing"
)

// twoStep is a database with a replica whose greens were created on the old version.
func twoStep(primary, replica Instance) (Facts, *Deployment) {
	f := Facts{ID: "orders", Hops: []Hop{{From: "5.7.44", To: "8.0.46"}}, Target: &Target{Version: "8.0.46", ParameterGroup: "p80", OptionGroup: "o80",
		Class: "db.m7g.large", ReplicaClass: map[string]string{"orders-r1": "db.m7g.large"}},
		Instances: map[string]*Instance{
			"orders":    {ID: "orders", Status: "available", Version: "5.7.44", Replicas: []string{"orders-r1"}, Roles: []string{"arn:role"}},
			"orders-r1": {ID: "orders-r1", Status: "available", Version: "5.7.44"},
			"g":         &primary, "g1": &replica}}
	return f, &Deployment{Status: Available, Members: []Member{
		{Source: "orders", Target: "g", Status: Available}, {Source: "orders-r1", Target: "g1", Status: Available}}}
}

func TestGreenChangesInOrder(t *testing.T) {
	old := Instance{Status: "available", Version: "5.7.44", Class: "db.m5.large", OptionGroup: "audit57", ParameterGroup: "p57"}
	upgraded := Instance{Status: "available", Version: "8.0.46", Class: "db.m5.large", OptionGroup: "o80", ParameterGroup: "p80"}
	busy, done := upgraded, upgraded
	busy.Status, done.Class = "upgrading", "db.m7g.large"
	withRole := done
	withRole.Roles = []string{"arn:role"}
	for _, tc := range []struct {
		name             string
		primary, replica Instance
		want             []string
	}{
		{"the replica is upgraded first", old, old, []string{"modify g1: version 8.0.46, parameter group p80, option group o80"}},
		{"the primary waits for it", old, busy, nil},
		{"then the primary, beside the replica's class", old, upgraded, []string{
			"modify g: version 8.0.46, parameter group p80, option group o80", "modify g1: class db.m7g.large"}},
		{"classes last", upgraded, upgraded, []string{"modify g: class db.m7g.large", "modify g1: class db.m7g.large"}},
		{"roles when the rest is done", done, done, []string{"attach role arn:role to g"}},
		{"nothing", withRole, done, nil},
	} {
		tc.primary.ID, tc.replica.ID = "g", "g1"
		f, d := twoStep(tc.primary, tc.replica)
		var got []string
		for _, a := range f.greenChanges(d) {
			got = append(got, a.String())
		}
		if !slices.Equal(got, tc.want) {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
}

// TestServingInstancesAreNoGreens: whatever AWS lists as a target.
func TestServingInstancesAreNoGreens(t *testing.T) {
	f, d := twoStep(Instance{ID: "g", Status: "available"}, Instance{ID: "g1", Status: "available"})
	d.Members[0].Target, d.Members[1].Target = "orders", "orders-r1"
	f.Deployments = []Deployment{*d}
	if acts := f.greenChanges(d); len(acts) > 0 {
		t.Errorf("changes a serving instance: %v", acts)
	}
}
