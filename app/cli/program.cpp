#include "app/cli/program.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <limits>
#include <map>
#include <set>
#include <sstream>

#include "app/cli/process.h"
#include "app/cli/ranks.h"
#include "core/base/failure.h"

namespace rheo::cli {

namespace {

constexpr int failed = 1, wrongUsage = 2, interrupted = 130;

std::string isDevice(const std::string& name) {
    const bool numbered = name.starts_with("cuda:") && name.size() > 5 && name.size() < 8 &&
                          name.find_first_not_of("0123456789", 5) == std::string::npos;
    return name == "cpu" || name == "cuda" || numbered
               ? ""
               : "'" + name + "' is none of cpu, cuda, cuda:0, cuda:1, ...";
}

void addCommon(CLI::App& app, Common& common) {
    app.fallthrough();
    app.add_flag("--json", common.console.json, "machine-readable results on stdout, and nothing else there");
    app.add_flag("--quiet,-q", common.quiet, "no progress and no notes");
    app.add_option("--progress", common.progress,
                   "how stderr shows progress; auto: a bar on a terminal, nothing elsewhere")
        ->check(CLI::IsMember({"auto", "bar", "plain", "none"}));
    app.add_option("--threads", common.threads, "threads to compute with; 0: one per core")
        ->check(wholeNumber(0, 4096))
        ->type_name("N")
        ->envname("RHEO_THREADS");
    app.add_option("--device", common.device, "where the model runs: cpu, cuda or cuda:i")
        ->check(isDevice)
        ->type_name("DEVICE");
    app.add_option("--dtype", common.dtype, "type of weights and states while the model runs")
        ->check(CLI::IsMember({"float32", "bfloat16", "float16"}));
    app.add_option("--seed", common.seed, "of everything random")
        ->check(wholeNumber(0, std::numeric_limits<std::uint64_t>::max()))
        ->type_name("S");
}

/// Which commands the common options mean something to; those that are not here mean the same everywhere.
const std::map<std::string, std::set<std::string>>& users() {
    static const std::map<std::string, std::set<std::string>> table{
        {"--device",
         {"info", "logits", "capture", "analyze", "teleport", "intervene", "patch", "attribute", "routing",
          "directions", "flow", "response", "report", "series"}},
        {"--dtype",
         {"info", "logits", "capture", "analyze", "teleport", "intervene", "patch", "attribute", "routing",
          "directions", "flow", "response", "report", "series"}},
        {"--seed",
         {"analyze", "compare", "teleport", "intervene", "routing", "directions", "flow", "response",
          "report", "series", "demo"}},
    };
    return table;
}

}  // namespace

bool computes(const std::string& command) {
    static const std::set<std::string> light{"info", "tokenize", "import", "merge", "figure", "help"};
    return !light.contains(command);
}

bool means(const std::string& option, const std::string& command) {
    const auto found = users().find(option);
    return found == users().end() || found->second.contains(command);
}

namespace {

void rejectUnusedCommon(const CLI::App& app, const std::string& command) {
    for (const auto& [option, commands] : users())
        if (app.count(option) > 0 && !commands.contains(command))
            throw UsageError(fmt::format("{} means nothing to rheo {}; it is an option of {}", option,
                                         command, fmt::join(commands, ", ")),
                             option);
}

/// Below the help of each command, and its own footer: the options of `app` that mean something to it.
void showCommonInHelp(CLI::App& app) {
    for (auto* command : app.get_subcommands([](CLI::App*) { return true; })) {
        std::vector<const CLI::Option*> shown;
        for (const auto* option : app.get_options()) {
            const std::string name = option->get_name();
            if (name != "--help" && name != "--version" && means(name, command->get_name()))
                shown.push_back(option);
        }
        const auto* formatter = dynamic_cast<const CLI::Formatter*>(app.get_formatter().get());
        if (formatter != nullptr)
            command->footer(command->get_footer() +
                            formatter->make_group("Options of every command", false, shown));
    }
}

std::vector<std::string> namesOfCommands(const CLI::App& app) {
    std::vector<std::string> names;
    for (const auto* command : app.get_subcommands([](const CLI::App*) { return true; }))
        names.push_back(command->get_name());
    return names;
}

/// "help COMMAND" is COMMAND --help; any other topic is the manual's.
void readHelpAsOption(std::vector<std::string>& arguments, const std::vector<std::string>& commands) {
    if (arguments.size() < 2 || arguments.front() != "help" || arguments[1] == "help" ||
        std::find(commands.begin(), commands.end(), arguments[1]) == commands.end())
        return;
    arguments.erase(arguments.begin());
    arguments.emplace_back("--help");
}

/// "option --seed takes a whole number": what CLI11 says of a value that cannot be read is the value alone.
std::string explainConversion(const CLI::App& app, const std::string& said) {
    const auto colon = said.find(": "), equals = said.find(" = ");
    if (colon == std::string::npos || equals == std::string::npos) return said;
    const std::string name = said.substr(colon + 2, equals - colon - 2), value = said.substr(equals + 3);
    const CLI::Option* option = nullptr;
    for (const CLI::App* at = &app; at != nullptr && option == nullptr; at = at->get_parent())
        option = at->get_option_no_throw(name);
    return fmt::format("{} cannot be '{}': it takes a number within its range{}", name, value,
                       option == nullptr ? "" : fmt::format(" ({})", option->get_description()));
}

/// What is wrong with a command line, in one sentence.
UsageError explain(const CLI::App& app, const CLI::ParseError& error) {
    const auto chosen = app.get_subcommands();
    std::vector<std::string> extras = app.remaining(true);
    if (chosen.empty()) {
        const auto names = namesOfCommands(app);
        const auto word =
            std::find_if(extras.begin(), extras.end(), [](const auto& e) { return !e.starts_with('-'); });
        if (word != extras.end()) return unknownName("command", *word, names);
        if (extras.empty())
            return UsageError(
                fmt::format("a command is needed: {}; see rheo --help", fmt::join(names, ", ")));
    }
    const CLI::App& where = chosen.empty() ? app : *chosen.front();
    std::string message = error.what();
    std::replace(message.begin(), message.end(), '\n', ' ');
    std::string context;
    if (!extras.empty() && extras.front().size() > 1 && extras.front().starts_with('-')) {
        context = extras.front().substr(0, extras.front().find('='));
        std::vector<std::string> names;
        for (const CLI::App* at = &where; at != nullptr; at = at->get_parent())
            for (const auto* option : at->get_options())
                for (const auto& name : option->get_lnames()) names.push_back("--" + name);
        const std::string near = nearest(context, names);
        message = fmt::format("there is no option {}{}", context,
                              near.empty() ? "" : fmt::format("; did you mean {}?", near));
    } else if (!extras.empty()) {
        context = extras.front();
        message = fmt::format("'{}' was not expected", context);
    } else if (dynamic_cast<const CLI::ConversionError*>(&error) != nullptr) {
        message = explainConversion(where, message);
    } else if (const auto end = message.find(": 1 required "); end != std::string::npos) {
        message = message.substr(0, end) + " needs a value";
    } else if (const auto excludes = message.find(" excludes "); excludes != std::string::npos) {
        message.replace(excludes, 10, " cannot be given with ");
    }
    return UsageError(
        fmt::format("{}; see rheo{} --help", message, chosen.empty() ? "" : " " + where.get_name()), context);
}

/// Prints a failure as one line. Returns the exit status.
int report(const Console& console, const Error& error) {
    std::string message = error.what();
    if (error.code() == ErrorCode::AlreadyExists && message.find("--force") == std::string::npos) {
        constexpr std::string_view general = "or allow it to be replaced";
        const auto at = message.find(general);
        if (at == std::string::npos)
            message += "; --force replaces it";
        else
            message.replace(at, general.size(), "or use --force to replace it");
    }
    console.fail(errorCodeName(error.code()), message, error.context());
    return dynamic_cast<const UsageError*>(&error) != nullptr ? wrongUsage : failed;
}

/// How a command ended.
struct Ended {
    int status = 0;
    bool agreed = false;  ///< of several ranks: all of them have come to it
};

Ended runGuarded(const std::vector<std::string>& arguments, const AddCommands& add, Common& common) {
    try {
        catchInterrupts();
        return {runCommand(arguments, add, common)};
    } catch (const Cancelled&) {
        if (isFirstRank()) complain("interrupted; what was already written is kept");
        return {interrupted};
    } catch (const SharedError& e) {
        return {isFirstRank() ? report(common.console, e) : failed, true};
    } catch (const UsageError& e) {
        // All ranks have the same command line, and the first says what is wrong with it.
        return {isFirstRank() ? report(common.console, e) : wrongUsage};
    } catch (...) {
        return {report(common.console, describeFailure(std::current_exception()))};
    }
}

}  // namespace

int runCommand(std::vector<std::string> arguments, const AddCommands& add, Common& common) {
    CLI::App app{"rheo: the residual stream of a transformer as a dynamical system over depth", "rheo"};
    app.option_defaults()->always_capture_default();
    app.set_version_flag("--version", "rheo " RHEO_VERSION);
    app.require_subcommand(1);
    app.footer("rheo COMMAND --help shows the options of a command, rheo help the manual.");
    addCommon(app, common);
    Command chosen;
    add(app, chosen);
    showCommonInHelp(app);
    readHelpAsOption(arguments, namesOfCommands(app));
    common.console.json |= std::find(arguments.begin(), arguments.end(), "--json") != arguments.end();
    try {
        std::reverse(arguments.begin(), arguments.end());  // as CLI11 takes them
        app.parse(std::move(arguments));
    } catch (const CLI::ParseError& e) {
        if (e.get_exit_code() != 0) throw explain(app, e);
        std::ostringstream text;
        app.exit(e, text, text);
        if (isFirstRank()) printText(text.str());
        return 0;
    }
    const std::string command = app.get_subcommands().front()->get_name();
    rejectUnusedCommon(app, command);
    requireCommandOfRanks(command);
    if (common.quiet || common.progress == "none")
        common.console.style = ProgressStyle::None;
    else if (common.progress == "plain")
        common.console.style = ProgressStyle::Plain;
    else if (common.progress == "bar")
        common.console.style = ProgressStyle::Bar;
    if (computes(command)) requireAddressSpace();
    openRanks(common);
    return chosen(common);
}

namespace {

/// Ends the process with what was printed handed over, past what libraries do at exit: where memory, threads
/// or disks are at their limits, they wait for ever or crash there. Every file is closed by now.
[[noreturn]] void end(int status) {
    std::fflush(nullptr);
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    std::exit(status);
#else
    std::_Exit(status);
#endif
}

}  // namespace

void runProgram(int argc, char** argv, const AddCommands& add) {
    settleProcess();
    Common common;
    const auto [status, agreed] = runGuarded({argv + 1, argv + argc}, add, common);
    closeRanks(status, agreed, common.console.style == ProgressStyle::Plain);
    const int unwritten = finishOutput();
    if (unwritten == 0) end(status);
    complain(fmt::format("cannot write to standard output: {}{}; files that were asked for are not affected",
                         std::strerror(unwritten), adviceOfErrno(unwritten)));
    end(status == 0 ? failed : status);
}

}  // namespace rheo::cli
