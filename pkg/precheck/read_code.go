package precheck

import (
	"context"
	"strconv"
	"strings"

	"github.com/rdsupgrade/rdsupgrade/pkg/precheck/sqllex"
)

func (r *reader) addPrograms(ps []Program) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cat.Programs = append(r.cat.Programs, ps...)
}

// readRoutines prefers mysql.proc on 5.7: one statement, every routine, and
// the text as it was written, where the dictionary view has lost the backslashes.
func (r *reader) readRoutines(ctx context.Context, s *session) error {
	if !r.old {
		return r.readRoutinesView(ctx, s)
	}
	text := "SELECT db, name, type, definer, sql_mode, character_set_client, collation_connection, db_collation, param_list, returns, body, " +
		otherCharset("body_utf8") + " FROM mysql.proc rdsupgrade WHERE db NOT IN " + systemSchemas
	var out []Program
	err := s.query(ctx, "routines", text, func(w row) error {
		if !r.wanted(w.str(0)) {
			return nil
		}
		p := Program{Kind: routineKind(w.str(2)), Schema: w.str(0), Name: w.str(1), Definer: w.str(3), SQLMode: w.str(4),
			CharacterSet: w.str(5), Collation: w.str(6), DatabaseCollation: w.str(7)}
		p.Params, _ = decodeText(w[8], p.CharacterSet)
		p.Returns, _ = decodeText(w[9], p.CharacterSet)
		p.Body, p.Exact = decodeText(w[10], p.CharacterSet)
		p.HasBody = !w.null(10)
		if !p.Exact && !w.null(11) {
			p.Body = w.str(11)
		}
		out = append(out, p)
		return nil
	})
	if err != nil {
		if isServerError(err) {
			return r.readRoutinesView(ctx, s)
		}
		return err
	}
	r.addPrograms(out)
	return nil
}

func routineKind(t string) ProgramKind {
	if strings.EqualFold(t, "FUNCTION") {
		return KindFunction
	}
	return KindProcedure
}

// otherCharset asks for a converted copy of a body only where the raw bytes
// are in a character set that decodeText does not know.
func otherCharset(column string) string {
	return "IF(character_set_client IN ('utf8', 'utf8mb3', 'utf8mb4', 'ascii', 'latin1', 'binary'), NULL, " + column + ")"
}

// decodeText turns a stored body, which is in its creator's character set,
// into UTF-8; ok is false when that is not possible without loss.
func decodeText(b []byte, charset string) (text string, ok bool) {
	ascii := true
	for _, c := range b {
		if c >= 0x80 {
			ascii = false
			break
		}
	}
	switch {
	case ascii, strings.HasPrefix(charset, "utf8"):
		s := strings.ToValidUTF8(string(b), "\uFFFD")
		return s, len(s) == len(b)
	case charset == "latin1":
		// MySQL's latin1 is Windows-1252; what lies between 0x80 and 0x9f
		// matters to no rule, all that counts is that no letter goes missing.
		var t strings.Builder
		for _, c := range b {
			t.WriteRune(rune(c))
		}
		return t.String(), true
	}
	return strings.ToValidUTF8(string(b), "\uFFFD"), false
}

func (r *reader) readRoutinesView(ctx context.Context, s *session) error {
	const text = "SELECT ROUTINE_SCHEMA, ROUTINE_NAME, ROUTINE_TYPE, DEFINER, SQL_MODE, CHARACTER_SET_CLIENT, COLLATION_CONNECTION, " +
		"DATABASE_COLLATION, ROUTINE_DEFINITION FROM information_schema.ROUTINES rdsupgrade WHERE ROUTINE_SCHEMA NOT IN " + systemSchemas
	var out []Program
	err := s.query(ctx, "routines_view", text, func(w row) error {
		if !r.wanted(w.str(0)) {
			return nil
		}
		out = append(out, Program{Kind: routineKind(w.str(2)), Schema: w.str(0), Name: w.str(1), Definer: w.str(3), SQLMode: w.str(4),
			CharacterSet: w.str(5), Collation: w.str(6), DatabaseCollation: w.str(7), Body: w.str(8), HasBody: !w.null(8)})
		return nil
	})
	if err != nil {
		return err
	}
	r.addPrograms(out)
	see := "SELECT"
	if !r.old {
		see = "SHOW_ROUTINE"
	}
	if r.old || (!r.grants.everywhere(see) && !r.grants.everywhere("SELECT")) {
		grant := r.grantFor(SectionRoutines)
		r.lacking(SectionRoutines, 0, "the account lacks "+grant+" and sees only routines that it may execute", grant)
	}
	return nil
}

func (r *reader) readTriggers(ctx context.Context, s *session, sc scope) error {
	text := "SELECT TRIGGER_SCHEMA, TRIGGER_NAME, EVENT_OBJECT_TABLE, ACTION_TIMING, EVENT_MANIPULATION, DEFINER, SQL_MODE, " +
		"CHARACTER_SET_CLIENT, COLLATION_CONNECTION, DATABASE_COLLATION, ACTION_STATEMENT FROM information_schema.TRIGGERS rdsupgrade WHERE " +
		strings.NewReplacer("TABLE_SCHEMA", "EVENT_OBJECT_SCHEMA", "TABLE_NAME", "EVENT_OBJECT_TABLE").Replace(sc.where)
	var out []Program
	err := s.query(ctx, sc.tag("triggers"), text, func(w row) error {
		out = append(out, Program{Kind: KindTrigger, Schema: w.str(0), Name: w.str(1), Table: w.str(2),
			Timing: w.str(3) + " " + w.str(4), Definer: w.str(5), SQLMode: w.str(6), CharacterSet: w.str(7),
			Collation: w.str(8), DatabaseCollation: w.str(9), Body: w.str(10), HasBody: !w.null(10)})
		return nil
	})
	if err != nil {
		return err
	}
	r.addPrograms(out)
	return nil
}

// readEvents reads mysql.event itself on 5.7. With one blank definer in it,
// every read of information_schema.EVENTS fails: the view would hide all
// events because of the one that must be found.
func (r *reader) readEvents(ctx context.Context, s *session) error {
	if !r.old {
		if err := r.readEventsView(ctx, s); err != nil {
			return err
		}
		r.mu.Lock()
		state := r.cat.Sections[SectionEvents]
		r.mu.Unlock()
		if state.Status == "" {
			state.Status = SectionRead
		}
		r.settle(SectionEventDefs, state)
		return nil
	}
	text := "SELECT db, name, definer, status, sql_mode, character_set_client, collation_connection, db_collation, body, " +
		otherCharset("body_utf8") + " FROM mysql.event rdsupgrade"
	var out []Program
	err := s.query(ctx, "events", text, func(w row) error {
		if !r.wanted(w.str(0)) {
			return nil
		}
		p := Program{Kind: KindEvent, Schema: w.str(0), Name: w.str(1), Definer: w.str(2), Status: w.str(3), SQLMode: w.str(4),
			CharacterSet: w.str(5), Collation: w.str(6), DatabaseCollation: w.str(7), HasBody: !w.null(8)}
		p.Body, p.Exact = decodeText(w[8], p.CharacterSet)
		if !p.Exact && !w.null(9) {
			p.Body = w.str(9)
		}
		out = append(out, p)
		return nil
	})
	if err != nil {
		if !isServerError(err) {
			return err
		}
		r.settle(SectionEventDefs, r.refused(SectionEventDefs, err))
		return r.readEventsView(ctx, s)
	}
	r.settle(SectionEventDefs, SectionState{Status: SectionRead})
	r.addPrograms(out)
	return nil
}

func (r *reader) readEventsView(ctx context.Context, s *session) error {
	const text = "SELECT EVENT_SCHEMA, EVENT_NAME, DEFINER, STATUS, SQL_MODE, CHARACTER_SET_CLIENT, COLLATION_CONNECTION, " +
		"DATABASE_COLLATION, EVENT_DEFINITION FROM information_schema.EVENTS rdsupgrade WHERE EVENT_SCHEMA NOT IN " + systemSchemas
	var out []Program
	err := s.query(ctx, "events_view", text, func(w row) error {
		if !r.wanted(w.str(0)) {
			return nil
		}
		out = append(out, Program{Kind: KindEvent, Schema: w.str(0), Name: w.str(1), Definer: w.str(2), Status: w.str(3),
			SQLMode: w.str(4), CharacterSet: w.str(5), Collation: w.str(6), DatabaseCollation: w.str(7), Body: w.str(8), HasBody: !w.null(8)})
		return nil
	})
	if err != nil {
		return err
	}
	r.addPrograms(out)
	if !r.grants.covers("EVENT", r.cat.Schemas) {
		r.lacking(SectionEvents, 0, "the account lacks EVENT ON *.* and does not see the events of other schemas", "EVENT ON *.*")
	}
	return nil
}

// readViews reads the definitions of the views that exist and opens nothing
// else. The view keeps backslashes, so that its text is exact.
func (r *reader) readViews(ctx context.Context, s *session, sc scope) error {
	text := "SELECT TABLE_SCHEMA, TABLE_NAME, DEFINER, CHARACTER_SET_CLIENT, COLLATION_CONNECTION, VIEW_DEFINITION " +
		"FROM information_schema.VIEWS rdsupgrade WHERE " + sc.where
	var out []Program
	hidden := 0
	err := s.query(ctx, sc.tag("views"), text, func(w row) error {
		p := Program{Kind: KindView, Schema: w.str(0), Name: w.str(1), Definer: w.str(2), CharacterSet: w.str(3), Collation: w.str(4),
			Body: w.str(5), HasBody: !w.null(5) && len(w[5]) > 0, Exact: true}
		if !p.HasBody {
			hidden++
		}
		out = append(out, p)
		return nil
	})
	if err != nil {
		return err
	}
	r.addPrograms(out)
	if hidden > 0 {
		r.lacking(SectionViews, hidden, "the account lacks SHOW VIEW ON *.*: definitions are hidden", "SHOW VIEW ON *.*")
	}
	return nil
}

// readExact asks SHOW CREATE for the text of one program.
func (r *reader) readExact(ctx context.Context, s *session, i, number int) error {
	r.mu.Lock()
	p := r.cat.Programs[i]
	r.mu.Unlock()
	column := map[ProgramKind]int{KindTrigger: 2, KindProcedure: 2, KindFunction: 2, KindEvent: 3}[p.Kind]
	tag := "create_" + string(p.Kind) + "." + strconv.Itoa(number)
	create := ""
	err := s.query(ctx, tag, "SHOW CREATE "+strings.ToUpper(string(p.Kind))+" "+quoteIdent(p.Schema, p.Name), func(w row) error {
		if column < len(w) {
			create = w.str(column)
		}
		return nil
	})
	if err != nil && !isServerError(err) {
		return err
	}
	if err != nil || create == "" {
		if !p.HasBody {
			r.lacking(sectionOf(p.Kind), 1, "some bodies are hidden from the account", r.grantFor(sectionOf(p.Kind)))
		}
		return nil
	}
	p.Create = create
	if body, params, returns, ok := splitCreate(p.Kind, create, sqllex.ParseMode(p.SQLMode), r.versionNumber()); ok {
		p.Body, p.Exact, p.HasBody, p.Params, p.Returns = body, true, true, params, returns
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cat.Programs[i] = p
	return nil
}

func sectionOf(k ProgramKind) Section {
	switch k {
	case KindView:
		return SectionViews
	case KindTrigger:
		return SectionTriggers
	case KindEvent:
		return SectionEvents
	default:
		return SectionRoutines
	}
}

func (r *reader) versionNumber() int {
	return r.version.Major*10000 + r.version.Minor*100 + max(r.version.Patch, 0)
}
