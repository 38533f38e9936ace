// Asks the Collector's own code what a condition or a value expression makes of a span.
//
// One JSON object a line on standard input, one a line on standard output, in the same order:
//
//	{"mode": "filter", "text": "...", "data": {OTLP/JSON with one span}}  -> {"value": true|false}
//	{"mode": "value",  "text": "...", "data": {...}}                      -> {"value": {"type": ..., "value": ...}}
//
// or {"parse": "..."} where the text is refused, {"error": "..."} where it errs on the span, and
// {"panic": "..."} where the Collector would have crashed. "filter" runs a whole filter processor
// with error_mode propagate: true means that it dropped the span.
package main

import (
	"bufio"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl/contexts/ottlspan"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl/ottlfuncs"
	"github.com/open-telemetry/opentelemetry-collector-contrib/processor/filterprocessor"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor/processortest"
)

type question struct {
	Mode string          `json:"mode"`
	Text string          `json:"text"`
	Data json.RawMessage `json:"data"`
}

type answer map[string]any

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<24)
	out := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		var asked question
		if err := json.Unmarshal(lines.Bytes(), &asked); err != nil {
			panic(err)
		}
		if err := out.Encode(reply(asked)); err != nil {
			panic(err)
		}
	}
	if err := lines.Err(); err != nil {
		panic(err)
	}
}

func reply(asked question) (result answer) {
	defer func() {
		if cause := recover(); cause != nil {
			result = answer{"panic": fmt.Sprint(cause)}
		}
	}()
	var unmarshaler ptrace.JSONUnmarshaler
	traces, err := unmarshaler.UnmarshalTraces(asked.Data)
	if err != nil {
		panic(err)
	}
	if asked.Mode == "filter" {
		return filter(asked.Text, traces)
	}
	return value(asked.Text, traces)
}

func filter(text string, traces ptrace.Traces) answer {
	ctx := context.Background()
	factory := filterprocessor.NewFactory()
	config := factory.CreateDefaultConfig()
	settings := confmap.NewFromStringMap(map[string]any{
		"error_mode": "propagate",
		"traces":     map[string]any{"span": []any{text}},
	})
	if err := settings.Unmarshal(config); err != nil {
		return answer{"parse": err.Error()}
	}
	sink := new(consumertest.TracesSink)
	processor, err := factory.CreateTraces(ctx, processortest.NewNopSettings(factory.Type()), config, sink)
	if err != nil {
		return answer{"parse": err.Error()}
	}
	if err := processor.ConsumeTraces(ctx, traces); err != nil {
		return answer{"error": err.Error()}
	}
	return answer{"value": sink.SpanCount() == 0}
}

func value(text string, traces ptrace.Traces) answer {
	functions := ottlfuncs.StandardConverters[*ottlspan.TransformContext]()
	isRootSpan := ottlfuncs.NewIsRootSpanFactoryNew()
	functions[isRootSpan.Name()] = isRootSpan
	parser, err := ottlspan.NewParser(functions, componenttest.NewNopTelemetrySettings(), ottlspan.EnablePathContextNames())
	if err != nil {
		panic(err)
	}
	expression, err := parser.ParseValueExpression(text)
	if err != nil {
		return answer{"parse": err.Error()}
	}
	resource := traces.ResourceSpans().At(0)
	scope := resource.ScopeSpans().At(0)
	span := ottlspan.NewTransformContextPtr(resource, scope, scope.Spans().At(0))
	found, err := expression.Eval(context.Background(), span)
	if err != nil {
		return answer{"error": err.Error()}
	}
	return answer{"value": show(found)}
}

func show(value any) any {
	switch typed := value.(type) {
	case nil:
		return answer{"type": "nil"}
	case bool:
		return answer{"type": "bool", "value": typed}
	case int64:
		return answer{"type": "int", "value": fmt.Sprint(typed)}
	case float64:
		return answer{"type": "double", "value": fmt.Sprint(typed)}
	case string:
		return answer{"type": "string", "value": typed}
	case []byte:
		return answer{"type": "bytes", "value": hex.EncodeToString(typed)}
	case pcommon.Map:
		return answer{"type": "map", "value": typed.AsRaw()}
	case pcommon.Slice:
		return answer{"type": "list", "value": typed.AsRaw()}
	case []any, []string:
		return answer{"type": "made list", "value": fmt.Sprint(typed)}
	case pcommon.TraceID:
		return answer{"type": "id", "value": hex.EncodeToString(typed[:])}
	case pcommon.SpanID:
		return answer{"type": "id", "value": hex.EncodeToString(typed[:])}
	case time.Duration:
		return answer{"type": "duration", "value": fmt.Sprint(int64(typed))}
	case time.Time:
		return answer{"type": "time", "value": fmt.Sprint(typed.UnixNano())}
	default:
		return answer{"type": fmt.Sprintf("%T", typed)}
	}
}
