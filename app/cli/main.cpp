// rheo: the command line. Parses options, runs one command, and turns what it throws into an exit status.
#include <fmt/format.h>

#include <algorithm>
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

int rheo::cli::dispatch(std::vector<std::string> arguments, Common& common) {
    CLI::App app{"rheo: the residual stream of a transformer as a dynamical system over depth", "rheo"};
    app.set_version_flag("--version", "rheo " RHEO_VERSION);
    app.require_subcommand(1);
    addCommon(app, common);
    Command chosen;
    for (const auto add : {addInfo, addTokenize, addLogits, addCapture, addImport, addMerge, addAnalyze,
                           addTeleport, addFigure, addReport, addDemo})
        add(app, chosen);
    try {
        std::reverse(arguments.begin(), arguments.end());  // as CLI11 takes them
        app.parse(std::move(arguments));
    } catch (const CLI::ParseError& e) {
        return app.exit(e) == 0 ? 0 : 2;
    }
    if (common.quiet || common.progress == "none")
        common.console.style = ProgressStyle::None;
    else if (common.progress == "plain")
        common.console.style = ProgressStyle::Plain;
    else if (common.progress == "bar")
        common.console.style = ProgressStyle::Bar;
    return chosen(common);
}

int main(int argc, char** argv) {
    catchInterrupts();
    Common common;
    try {
        return dispatch({argv + 1, argv + argc}, common);
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
