package fleet

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/journal"
)

// SavedPlan is everything that a preview resolved, kept so that a run does
// exactly that or refuses. It holds no secret.
type SavedPlan struct {
	Format   int       `json:"format"` // 1
	Campaign string    `json:"campaign"`
	Made     time.Time `json:"made"`
	By       string    `json:"by"`
	// PlanSHA256 is of the plan file's bytes.
	PlanSHA256 string                   `json:"plan_sha256"`
	Databases  map[string]SavedDatabase `json:"databases"` // by account/region/id
	// Loads are what storage was sized by, by scope and instance; nil: by what is provisioned.
	Loads map[string]map[string]bluegreen.Load `json:"loads,omitempty"`
	// Fingerprint is SHA-256 over the JSON of all of the above, keys sorted,
	// without spaces, with this field empty.
	Fingerprint string `json:"fingerprint"`
	// Path is where it was read from.
	Path string `json:"-"`
}

// SavedUse is a saved plan that runs were held to: which file, with which
// content, from when on, and in how many runs.
type SavedUse struct {
	Path        string    `json:"path"`
	Fingerprint string    `json:"fingerprint"`
	First       time.Time `json:"first_used"`
	Last        time.Time `json:"last_used"`
	By          string    `json:"by,omitempty"`
	Runs        int       `json:"runs"`
}

// foldSaved takes in what a run was held to.
func (m *memory) foldSaved(e journal.Entry, s startData) {
	if s.Fingerprint == "" {
		return
	}
	if n := len(m.saved); n > 0 && m.saved[n-1].Fingerprint == s.Fingerprint && m.saved[n-1].Path == s.Saved {
		m.saved[n-1].Last = e.At
		m.saved[n-1].Runs++
		return
	}
	m.saved = append(m.saved, SavedUse{Path: s.Saved, Fingerprint: s.Fingerprint, First: e.At, Last: e.At, By: e.By, Runs: 1})
}

// noteStart journals that a run begins, and what it is held to.
func (e *Engine) noteStart() error {
	what, data := "run of campaign "+e.cfg.Plan.Name, startData{Campaign: e.cfg.Plan.Name}
	if s := e.cfg.Saved; s != nil {
		data.Saved, data.Fingerprint = s.Path, s.Fingerprint
		what += ", held to saved plan " + s.Path + " with fingerprint " + s.Fingerprint
	}
	return e.note(journal.RunStart, what, data)
}

// SavedDatabase is one database as it was found, and what becomes of it.
type SavedDatabase struct {
	Wave string `json:"wave"`
	// Found maps a field, such as class or replica.NAME.class, to its value.
	Found map[string]string `json:"found"`
	// Resolved maps hops, target and parameters to what was chosen.
	Resolved map[string]string `json:"resolved"`
	// Blockers are the ids of the issues that stood in the way.
	Blockers []string `json:"blockers,omitempty"`
}

// Drift is one field that is not as the saved plan has it.
type Drift struct {
	Database string `json:"database"` // account/region/id
	Field    string `json:"field"`
	Saved    string `json:"saved"`
	Now      string `json:"now"`
}

func (d Drift) String() string {
	return fmt.Sprintf("%s: %s was %s, is %s", d.Database, d.Field, orNone(d.Saved), orNone(d.Now))
}

func orNone(s string) string {
	if s == "" {
		return "(none)"
	}
	return s
}

// Save makes a SavedPlan of what a preview of this engine resolved.
func (e *Engine) Save() (SavedPlan, error) {
	sum, err := fileSum(e.cfg.Plan.Path)
	if err != nil {
		return SavedPlan{}, err
	}
	s := SavedPlan{Format: 1, Campaign: e.cfg.Plan.Name, Made: e.cfg.Clock.Now().UTC().Truncate(time.Second), By: e.cfg.By,
		PlanSHA256: sum, Databases: map[string]SavedDatabase{}, Loads: e.resolver.loads}
	for _, m := range e.campaign.members {
		seen, ref := e.seen[m.scope], e.refs[m.scope]
		if seen == nil || ref == nil || seen.instances[m.id] == nil {
			continue
		}
		if at, ok := e.resolver.cache[m.key]; ok {
			s.Databases[m.key] = savedDatabase(e.cfg.Plan.Waves[m.wave].Name, withoutGreens(seen.instances[m.id], seen), seen, ref, at.res)
		}
	}
	s.Fingerprint, err = s.fingerprint()
	return s, err
}

func fileSum(path string) (string, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read the plan again: %w", err)
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:]), nil
}

func (s SavedPlan) fingerprint() (string, error) {
	s.Fingerprint = ""
	b, err := json.Marshal(s)
	if err != nil {
		return "", fmt.Errorf("encode the saved plan: %w", err)
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:]), nil
}

// savedDatabase is pure: a database as it was found, and what was resolved.
func savedDatabase(wave string, blue *bluegreen.Instance, s *sight, ref *reference, res *resolved) SavedDatabase {
	d := SavedDatabase{Wave: wave, Found: map[string]string{}, Resolved: map[string]string{}}
	found(d.Found, "", blue, ref)
	for _, r := range blue.Replicas {
		id := bluegreen.IDFromARN(r)
		if i := s.instances[id]; i != nil {
			found(d.Found, "replica."+id+".", i, ref)
		} else {
			d.Found["replica."+id] = "not in sight"
		}
	}
	d.resolve(res)
	return d
}

func found(m map[string]string, prefix string, i *bluegreen.Instance, ref *reference) {
	put := func(k string, v any) { m[prefix+k] = fmt.Sprint(v) }
	put("resource_id", i.ResourceID)
	put("version", i.Version)
	put("class", i.Class)
	put("storage", bluegreen.StorageSpec{Type: i.StorageType, AllocatedGiB: i.AllocatedGiB, IOPS: i.IOPS, ThroughputMiBps: i.ThroughputMiBps})
	put("multi_az", i.MultiAZ)
	put("parameter_group", i.ParameterGroup)
	put("parameters", parametersSum(ref.parameters[i.ParameterGroup]))
	put("option_group", i.OptionGroup)
	for k, v := range i.Tags {
		put("tag."+k, v)
	}
}

// parametersSum stands for a group's content.
func parametersSum(ps []bluegreen.Parameter) string {
	var lines []string
	for _, p := range ps {
		lines = append(lines, p.Name+"="+p.Value)
	}
	slices.Sort(lines)
	sum := sha256.Sum256([]byte(strings.Join(lines, "\n")))
	return fmt.Sprintf("%d set, %s", len(lines), hex.EncodeToString(sum[:6]))
}

func (d *SavedDatabase) resolve(res *resolved) {
	var hops []string
	for _, h := range res.hops {
		hops = append(hops, h.To)
	}
	d.Resolved["hops"] = strings.Join(hops, " > ")
	for _, i := range res.issues {
		if i.Severity == bluegreen.SeverityBlock {
			d.Blockers = append(d.Blockers, i.ID)
		}
	}
	t := res.target
	if t == nil {
		return
	}
	d.Resolved["target.version"], d.Resolved["target.class"] = t.Version, t.Class
	d.Resolved["target.storage"], d.Resolved["target.parameter_group"] = t.Storage.String(), t.ParameterGroup
	for id, c := range t.ReplicaClass {
		d.Resolved["target.replica."+id+".class"] = c
	}
	for id, st := range t.ReplicaStorage {
		d.Resolved["target.replica."+id+".storage"] = st.String()
	}
}

// WriteSaved writes the plan for people to read and for LoadSaved, in one piece.
func WriteSaved(path string, s SavedPlan) error {
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the saved plan: %w", err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".saved-*")
	if err != nil {
		return fmt.Errorf("save the plan: %w", err)
	}
	_, err = f.Write(append(b, '\n'))
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
		return fmt.Errorf("save the plan: %w", err)
	}
	return nil
}

// LoadSaved reads a saved plan and proves that it is as it was written, and
// that the plan file at planPath is the one it was made of.
func LoadSaved(path, planPath string) (*SavedPlan, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the saved plan: %w", err)
	}
	var s SavedPlan
	if err := json.Unmarshal(b, &s); err != nil {
		return nil, fmt.Errorf("read the saved plan %s: %w", path, err)
	}
	if s.Format != 1 {
		return nil, fmt.Errorf("saved plan %s has format %d, this build reads 1", path, s.Format)
	}
	want, err := s.fingerprint()
	if err != nil {
		return nil, err
	}
	if want != s.Fingerprint {
		return nil, fmt.Errorf("saved plan %s was changed after it was made: its fingerprint does not match", path)
	}
	sum, err := fileSum(planPath)
	if err != nil {
		return nil, err
	}
	if sum != s.PlanSHA256 {
		return nil, fmt.Errorf("the plan file %s is not the one that %s was made of: save it anew with plan --out", planPath, path)
	}
	s.Path = path
	return &s, nil
}

// drift compares a database with the saved plan, field by field, in order. A
// database that the campaign has changed since is no drift: Begun tells.
func (s *SavedPlan) drift(key string, now SavedDatabase) []Drift {
	was, ok := s.Databases[key]
	if !ok {
		return []Drift{{Database: key, Field: "database", Saved: "not in the saved plan", Now: "in wave " + now.Wave}}
	}
	var out []Drift
	if was.Wave != now.Wave {
		out = append(out, Drift{key, "wave", was.Wave, now.Wave})
	}
	out = append(out, diffFields(key, was.Found, now.Found)...)
	out = append(out, diffFields(key, was.Resolved, now.Resolved)...)
	return out
}

func diffFields(key string, was, now map[string]string) []Drift {
	var out []Drift
	all := maps.Clone(was)
	maps.Copy(all, now)
	for _, f := range sortedKeys(all) {
		if was[f] != now[f] {
			out = append(out, Drift{key, f, was[f], now[f]})
		}
	}
	return out
}

// savedIssue blocks a database that is not as the saved plan has it. A database
// is compared as long as it is the machine that was found then: after its
// first switchover another one answers, and the saved road goes on from there.
func (r *resolver) savedIssue(m member, wave string, blue *bluegreen.Instance, s *sight, ref *reference, res *resolved) []bluegreen.Issue {
	if r.saved == nil {
		return nil
	}
	delete(r.drifts, m.key)
	was, known := r.saved.Databases[m.key]
	if known && was.Found["resource_id"] != blue.ResourceID && begun(s, m.id, r.plan.Name) {
		return nil
	}
	drifts := r.saved.drift(m.key, savedDatabase(wave, blue, s, ref, res))
	if len(drifts) == 0 {
		return nil
	}
	r.drifts[m.key] = drifts
	var lines []string
	for _, d := range drifts {
		lines = append(lines, fmt.Sprintf("%s was %s, is %s", d.Field, orNone(d.Saved), orNone(d.Now)))
	}
	return []bluegreen.Issue{{ID: "saved-plan-drift", Severity: bluegreen.SeverityBlock, Message: "not as the saved plan has it",
		Evidence: strings.Join(lines, "; "), WayOut: "undo the change, or save the plan anew (plan --out) and have it approved", Source: "run --saved"}}
}

// begun tells that a deployment of ours has switched the database, or that old
// blue stands beside it.
func begun(s *sight, id, campaign string) bool {
	if s.oldest(id) != "" {
		return true
	}
	return slices.ContainsFunc(s.byDatabase[id], func(d bluegreen.Deployment) bool {
		return d.Tags[bluegreen.TagCampaign] == campaign && d.Status == bluegreen.SwitchoverCompleted
	})
}

// Drifts compares the campaign with the saved plan of its configuration: what
// differs, and what is missing, in order.
func (e *Engine) Drifts() []Drift {
	e.mu.Lock()
	defer e.mu.Unlock()
	saved := e.cfg.Saved
	if saved == nil {
		return nil
	}
	var out []Drift
	for _, key := range sortedKeys(e.resolver.drifts) {
		out = append(out, e.resolver.drifts[key]...)
	}
	here := map[string]bool{}
	for _, m := range e.campaign.members {
		here[m.key] = true
	}
	for _, key := range sortedKeys(saved.Databases) {
		if !here[key] {
			out = append(out, Drift{Database: key, Field: "database", Saved: "in wave " + saved.Databases[key].Wave, Now: "not in the campaign"})
		}
	}
	return out
}
