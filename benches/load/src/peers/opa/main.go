// OPA with an additional plugin that answers Envoy's ext_authz over gRPC.
//
// It replaces opa-envoy-plugin where that module is not available, and does less: one prepared query, no decision log,
// no metrics, no headers in the answer, and the request becomes `input` without a conversion through JSON. Its cost is a
// lower bound for OPA behind ext_authz, not a measurement of that plugin.
package main

import (
	"context"
	"fmt"
	"net"
	"os"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authz "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"github.com/open-policy-agent/opa/cmd"
	"github.com/open-policy-agent/opa/v1/plugins"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/runtime"
	"github.com/open-policy-agent/opa/v1/util"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
)

const name = "ext_authz"

type config struct {
	Addr  string `json:"addr"`
	Query string `json:"query"`
}

type factory struct{}

func (factory) Validate(_ *plugins.Manager, raw []byte) (any, error) {
	parsed := config{}
	return parsed, util.Unmarshal(raw, &parsed)
}

func (factory) New(manager *plugins.Manager, parsed any) plugins.Plugin {
	manager.UpdatePluginStatus(name, &plugins.Status{State: plugins.StateNotReady})
	return &server{manager: manager, config: parsed.(config)}
}

type server struct {
	authz.UnimplementedAuthorizationServer
	manager *plugins.Manager
	config  config
	query   rego.PreparedEvalQuery
	grpc    *grpc.Server
}

// Start prepares the query and serves. The policies are already loaded and are never reloaded.
func (s *server) Start(ctx context.Context) error {
	query, err := rego.New(
		rego.Query(s.config.Query),
		rego.Compiler(s.manager.GetCompiler()),
		rego.Store(s.manager.Store),
	).PrepareForEval(ctx)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", s.config.Addr)
	if err != nil {
		return err
	}
	s.query = query
	s.grpc = grpc.NewServer()
	authz.RegisterAuthorizationServer(s.grpc, s)
	go func() { _ = s.grpc.Serve(listener) }()
	s.manager.UpdatePluginStatus(name, &plugins.Status{State: plugins.StateOK})
	return nil
}

func (s *server) Stop(context.Context) { s.grpc.Stop() }

func (s *server) Reconfigure(context.Context, any) {}

// Check returns OK if the query is true, otherwise PERMISSION_DENIED.
func (s *server) Check(ctx context.Context, request *authz.CheckRequest) (*authz.CheckResponse, error) {
	results, err := s.query.Eval(ctx, rego.EvalInput(input(request.GetAttributes())))
	if err != nil {
		return nil, err
	}
	code := codes.PermissionDenied
	if results.Allowed() {
		code = codes.OK
	}
	return &authz.CheckResponse{Status: &status.Status{Code: int32(code)}}, nil
}

// The attributes, in the shape that opa-envoy-plugin documents: input.attributes with the fields' JSON names.
func input(attributes *authz.AttributeContext) map[string]any {
	http := attributes.GetRequest().GetHttp()
	return map[string]any{"attributes": map[string]any{
		"request": map[string]any{"http": map[string]any{
			"method":  http.GetMethod(),
			"host":    http.GetHost(),
			"path":    http.GetPath(),
			"headers": words(http.GetHeaders()),
		}},
		"contextExtensions": words(attributes.GetContextExtensions()),
		"metadataContext":   map[string]any{"filterMetadata": metadata(attributes.GetMetadataContext())},
	}}
}

func words(from map[string]string) map[string]any {
	to := make(map[string]any, len(from))
	for key, value := range from {
		to[key] = value
	}
	return to
}

func metadata(from *core.Metadata) map[string]any {
	to := map[string]any{}
	for filter, fields := range from.GetFilterMetadata() {
		to[filter] = fields.AsMap()
	}
	return to
}

func main() {
	runtime.RegisterPlugin(name, factory{})
	if err := cmd.RootCommand.Execute(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
