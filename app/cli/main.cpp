// rheo: the command line. Parses options, runs one command, and turns what it throws into an exit status.
#include <fmt/format.h>

#include <cstdio>
#include <new>
#include <nlohmann/json.hpp>

#include "app/cli/commands.h"
#include "core/base/error.h"

namespace {

using namespace rheo;
using namespace rheo::cli;

void addCommon(CLI::App& app, Common& common) {
    app.fallthrough();
    app.add_flag("--json", common.console.json, "machine-readable results on stdout, and nothing else there");
    app.add_flag("--quiet,-q", common.quiet, "no progress");
    app.add_option("--progress", common.progress, "auto, bar, plain or none")
        ->check(CLI::IsMember({"auto", "bar", "plain", "none"}));
    app.add_option("--threads", common.threads, "threads to compute with; 0: one per core")
        ->check(CLI::Range(0, 4096))
        ->envname("RHEO_THREADS");
    app.add_option("--device", common.device, "cpu, cuda or cuda:i");
    app.add_option("--dtype", common.dtype, "float32, bfloat16 or float16");
    app.add_option("--seed", common.seed, "of everything random");
}

int report(const Console& console, std::string_view code, const std::string& message,
           const std::string& context) {
    nlohmann::ordered_json error;
    error["error"] = {{"code", code}, {"message", message}, {"context", context}};
    console.result(error);
    std::fputs(("rheo: " + message + "\n").c_str(), stderr);
    return 1;
}

}  // namespace

int main(int argc, char** argv) {
    catchInterrupts();
    CLI::App app{"rheo: the residual stream of a transformer as a dynamical system over depth"};
    app.set_version_flag("--version", "rheo " RHEO_VERSION);
    app.require_subcommand(1);
    Common common;
    addCommon(app, common);
    Command chosen;
    addInfo(app, chosen);
    addTokenize(app, chosen);
    addLogits(app, chosen);
    addCapture(app, chosen);
    addAnalyze(app, chosen);
    addTeleport(app, chosen);
    addFigure(app, chosen);
    addDemo(app, chosen);

    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& e) {
        return app.exit(e) == 0 ? 0 : 2;
    }
    if (common.quiet || common.progress == "none")
        common.console.style = ProgressStyle::None;
    else if (common.progress == "plain")
        common.console.style = ProgressStyle::Plain;
    else if (common.progress == "bar")
        common.console.style = ProgressStyle::Bar;

    try {
        return chosen(common);
    } catch (const Cancelled&) {
        std::fputs("rheo: interrupted; what was written before is kept\n", stderr);
        return 130;
    } catch (const Error& e) {
        return report(common.console, errorCodeName(e.code()), e.what(), e.context());
    } catch (const std::bad_alloc&) {
        return report(
            common.console, "out_of_memory",
            "there is not enough memory for this; take fewer prompts, or a smaller --batch or --memory", "");
    } catch (const std::exception& e) {
        return report(common.console, "internal", fmt::format("an unforeseen failure: {}", e.what()), "");
    }
}
