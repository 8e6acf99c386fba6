package precheck

import (
	"fmt"
	"strings"
)

func programRules() []Rule {
	return []Rule{
		{
			ID: "orphanedObjects", Title: "Routines and events whose schema is gone", Severity: Error,
			About:  "mysql.proc or mysql.event holds a routine or event of a schema that no longer exists. 8.0 cannot put it anywhere and the upgrade fails.",
			Fix:    "Create the schema, drop the routine or event, and drop the schema again.",
			Source: srcShell + "; Aurora's as well", Doc: docAurora, Needs: []Section{SectionSchemas, SectionRoutines, SectionEvents}, Applies: crosses([3]int{8, 0, 0}), Check: checkOrphanPrograms,
		},
		{
			ID: "eventDefiner", Title: "Events without a definer", Severity: Error,
			About:  "An event with a blank definer stops the upgrade on RDS; on 5.7 it even makes every read of information_schema.EVENTS fail with error 1728.",
			Fix:    "Set a definer with ALTER DEFINER = ... EVENT, or drop the event.",
			Source: srcRDS, Doc: docRDSMajor, Needs: []Section{SectionEventDefs}, Applies: to80, Check: checkEventDefiners,
		},
		{
			ID: "triggerDefiner", Title: "Triggers without a definer", Severity: Error,
			About:  "Triggers from before 5.0.17 have no definer; RDS refuses to upgrade them.",
			Fix:    "Drop the trigger and create it again.",
			Source: "Amazon RDS and Aurora prechecks (getTriggersWithNullDefiner)", Doc: docRDSMajor, Needs: []Section{SectionTriggers}, Applies: to80, Check: checkTriggerDefiners,
		},
		{
			ID: "duplicateTriggers", Title: "Triggers whose names differ only in case", Severity: Error,
			About:  "8.0 does not distinguish trigger names by case within a schema; two that differ only in case stop the upgrade.",
			Fix:    "Drop one of the triggers and create it under another name.",
			Source: "Amazon RDS and Aurora prechecks (getDuplicateTriggers)", Doc: docRDSMajor, Needs: []Section{SectionTriggers}, Applies: to80, Check: checkDuplicateTriggers,
		},
		{
			ID: "missingDefiner", Title: "Definers that are no account", Severity: Warning,
			About:  "A view, routine, trigger or event runs as an account that does not exist: using it fails, and 8.0 refuses to create it again without a further privilege.",
			Fix:    "Create the account, or recreate the object with another definer.",
			Source: "manual, stored object access control; AWS's blue/green documentation", Doc: "https://dev.mysql.com/doc/refman/8.0/en/stored-objects-security.html",
			Once: true, Needs: []Section{SectionAccounts, SectionViews, SectionRoutines, SectionTriggers, SectionEvents}, Check: checkMissingDefiners,
		},
		{
			ID: "enabledEvent", Title: "Enabled events", Severity: Notice,
			About:  "8.0's event scheduler is on by default. An event that fires on a green writes there and breaks its replication.",
			Fix:    "Set event_scheduler=OFF in the green's parameter group, and switch it on after the switchover.",
			Source: "AWS: blue/green limitations; manual, changed defaults of 8.0", Doc: docBlueGreen,
			Once: true, Needs: []Section{SectionEvents, SectionVariables}, Check: checkEnabledEvents,
		},
	}
}

func checkOrphanPrograms(in *Input) ([]Finding, error) {
	var out []Finding
	for i := range in.Catalog.Programs {
		p := &in.Catalog.Programs[i]
		if p.Kind == KindView || p.Kind == KindTrigger || isSystemSchema(p.Schema) || in.Index.Schema(p.Schema) != nil {
			continue
		}
		out = append(out, Finding{Object: name(p.Schema, p.Name), Message: fmt.Sprintf("the %s's schema does not exist", p.Kind)})
	}
	return out, nil
}

// blankDefiner tells a definer that names nobody.
func blankDefiner(s string) bool { return strings.Trim(s, "@ \x00") == "" }

func checkEventDefiners(in *Input) ([]Finding, error) {
	return findPrograms(in, KindEvent, "the event has no definer"), nil
}

func checkTriggerDefiners(in *Input) ([]Finding, error) {
	return findPrograms(in, KindTrigger, "the trigger has no definer"), nil
}

func findPrograms(in *Input, kind ProgramKind, msg string) []Finding {
	var out []Finding
	for i := range in.Catalog.Programs {
		if p := &in.Catalog.Programs[i]; p.Kind == kind && blankDefiner(p.Definer) {
			out = append(out, Finding{Object: name(p.Schema, p.Name), Message: msg})
		}
	}
	return out
}

func checkDuplicateTriggers(in *Input) ([]Finding, error) {
	count := map[nameKey]int{}
	key := func(p *Program) nameKey { return nameKey{in.Index.foldName(p.Schema), strings.ToLower(p.Name)} }
	for i := range in.Catalog.Programs {
		if p := &in.Catalog.Programs[i]; p.Kind == KindTrigger {
			count[key(p)]++
		}
	}
	var out []Finding
	for i := range in.Catalog.Programs {
		if p := &in.Catalog.Programs[i]; p.Kind == KindTrigger && count[key(p)] > 1 {
			out = append(out, Finding{Object: name(p.Schema, p.Name), Message: fmt.Sprintf("%d triggers of the schema have this name but for its case", count[key(p)])})
		}
	}
	return out, nil
}

func checkMissingDefiners(in *Input) ([]Finding, error) {
	var out []Finding
	for i := range in.Catalog.Programs {
		p := &in.Catalog.Programs[i]
		user, host := splitAccount(p.Definer)
		if blankDefiner(p.Definer) || isSystemSchema(p.Schema) || in.Index.Account(user, host) != nil {
			continue
		}
		out = append(out, Finding{Object: name(p.Schema, p.Name), Message: fmt.Sprintf("the %s's definer %s does not exist", p.Kind, printable(p.Definer))})
	}
	return out, nil
}

func checkEnabledEvents(in *Input) ([]Finding, error) {
	scheduler, _ := in.Index.Variable("event_scheduler")
	running := sameValue(scheduler, "ON")
	var out []Finding
	for i := range in.Catalog.Programs {
		p := &in.Catalog.Programs[i]
		if p.Kind != KindEvent || !strings.EqualFold(p.Status, "ENABLED") {
			continue
		}
		f := Finding{Object: name(p.Schema, p.Name), Message: "the event is enabled, and would fire on a green whose event_scheduler is on"}
		if running {
			f.Severity = Warning
		}
		out = append(out, f)
	}
	return out, nil
}
