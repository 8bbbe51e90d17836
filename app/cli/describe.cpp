#include "app/cli/describe.h"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>
#include <utility>

#include "core/analysis/null_table.h"
#include "core/session/analysis_choice.h"
#include "core/session/analysis_run.h"
#include "core/session/recipe_figure.h"

namespace rheo::cli {

namespace {

std::vector<std::string> splitAt(const std::string& list, char separator) {
    std::vector<std::string> parts;
    std::istringstream in(list);
    for (std::string part; std::getline(in, part, separator);) parts.push_back(part);
    return parts;
}

/// What the checks of an option say of themselves: "{auto,bar}", "from 1".
std::vector<std::string> checksOf(const CLI::Option& option) {
    std::vector<std::string> checks;
    auto& asked = const_cast<CLI::Option&>(option);  // CLI11 offers this for changing them as well
    try {
        for (int i = 0;; ++i) checks.push_back(asked.get_validator(i)->get_description());
    } catch (const CLI::OptionNotFound&) {
        return checks;
    }
}

/// CLI11 writes "N:from 1": what the value is called, and what each check allows.
void readType(const CLI::Option& option, OptionText& text) {
    text.value = option.get_type_name();
    for (const std::string& check : checksOf(option)) {
        if (check.empty()) continue;
        if (const auto at = text.value.rfind(":" + check); at != std::string::npos) text.value.resize(at);
        if (check.starts_with('{') && check.ends_with('}'))
            text.choices = splitAt(check.substr(1, check.size() - 2), ',');
        else
            text.range = check;
    }
}

OptionText textOf(const CLI::Option& option) {
    OptionText text;
    text.positional = option.get_positional() && option.get_lnames().empty();
    if (text.positional) text.names.push_back(option.get_name(true));
    for (const auto& name : option.get_lnames()) text.names.push_back("--" + name);
    for (const auto& name : option.get_snames()) text.names.push_back("-" + name);
    text.description = option.get_description();
    text.environment = option.get_envname();
    text.required = option.get_required();
    text.many = option.get_items_expected_max() > 1;
    if (option.get_items_expected_max() > 0) {
        readType(option, text);
        text.otherwise = option.get_default_str();
        if (text.otherwise == "[]" || text.otherwise == "\"\"") text.otherwise.clear();
    }
    return text;
}

bool isHelp(const CLI::Option& option) {
    return option.check_name("--help");
}

/// As words of a shell, between single quotes.
std::string shellQuoted(const std::string& text) {
    std::string out = "'";
    for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return out + "'";
}

/// The names that an option takes where its check does not list them.
void addNames(OptionText& option) {
    std::vector<std::string> names;
    if (option.names.front() == "--stat") {
        for (const auto& statistic : choosableStatistics()) names.emplace_back(statistic.name);
    } else if (option.names.front() == "--null") {
        for (const auto name : nullNames()) names.emplace_back(name);
        names.emplace_back(untrainedNull);
    } else if (option.names.front() == "--view") {
        for (const FigureView& view : figureViews()) names.emplace_back(view.name);
    } else {
        return;
    }
    option.choices = names;
    option.list = option.names.front() != "--view";
}

std::string joinedNames(const CommandText& command) {
    std::vector<std::string> names{"--help"};
    for (const auto& option : command.options)
        if (!option.positional) names.insert(names.end(), option.names.begin(), option.names.end());
    return fmt::format("{}", fmt::join(names, " "));
}

std::string commandNames(const ProgramText& program) {
    std::string names;
    for (const auto& command : program.commands) names += (names.empty() ? "" : " ") + command.name;
    return names;
}

/// What zsh shows beside a name: brackets and colons are its own.
std::string forZsh(const std::string& text) {
    std::string out;
    for (const char c : text) {
        if (c == '[' || c == ']' || c == ':' || c == '\\') out += '\\';
        out += c;
    }
    return out;
}

/// ":F:_files", ":S:(a b)": what follows an option.
std::string zshValue(const OptionText& option) {
    if (option.value.empty()) return {};
    std::string action = " ";
    if (option.list)
        action = fmt::format("_sequence compadd - {}", fmt::join(option.choices, " "));
    else if (!option.choices.empty())
        action = fmt::format("({})", fmt::join(option.choices, " "));
    else if (option.mayBePath())
        action = "_files";
    return fmt::format(":{}:{}", forZsh(option.value), action);
}

}  // namespace

bool OptionText::mayBePath() const {
    if (value.empty() || !choices.empty()) return false;
    static const std::vector<std::string> others{"N",      "S",    "K",   "R",     "M",      "X",
                                                 "SEED",   "INT",  "ROW", "UINT",  "FLOAT",  "TEXT",
                                                 "POINTS", "NAME", "KEY", "BYTES", "DEVICE", "TOPIC"};
    if (std::find(others.begin(), others.end(), value) != others.end()) return false;
    return value.find(',') == std::string::npos;
}

ProgramText describe(const CLI::App& app, const Means& means) {
    const std::string summary = app.get_description();
    ProgramText program{app.get_name(), RHEO_VERSION, summary.substr(summary.find(": ") + 2), {}, {}};
    for (const auto* option : app.get_options())
        if (!isHelp(*option)) program.common.push_back(textOf(*option));
    for (const auto* command : app.get_subcommands([](const CLI::App*) { return true; })) {
        CommandText text{command->get_name(), command->get_description(), {}, command->get_footer()};
        for (const auto* option : command->get_options())
            if (!isHelp(*option)) {
                text.options.push_back(textOf(*option));
                addNames(text.options.back());
            }
        for (const auto& option : program.common)
            if (option.names.front() != "--version" && means(option.names.front(), text.name))
                text.options.push_back(option);
        program.commands.push_back(std::move(text));
    }
    return program;
}

std::string bashCompletion(const ProgramText& program) {
    std::string out = fmt::format(
        "# bash completion of {0} {1}, made by `{0} help --completion bash`\n"
        "_{0}_list() {{  # of names with commas between them, the last\n"
        "    local before=\n"
        "    [[ $word == *,* ]] && before=${{word%,*}},\n"
        "    compopt -o nospace 2>/dev/null\n"
        "    COMPREPLY=($(compgen -P \"$before\" -W \"$1\" -- \"${{word##*,}}\"))\n"
        "}}\n"
        "_{0}() {{\n"
        "    local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}} command= i\n"
        "    COMPREPLY=()\n"
        "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
        "        case ${{COMP_WORDS[i]}} in -*) ;; *) command=${{COMP_WORDS[i]}}; break ;; esac\n"
        "    done\n"
        "    case \"$command $before\" in\n",
        program.name, program.version);
    for (const auto& command : program.commands)
        for (const auto& option : command.options) {
            if (option.positional || option.value.empty() || option.mayBePath()) continue;
            for (const auto& name : option.names)
                out += fmt::format(
                    fmt::runtime(
                        option.list
                            ? "        '{1} {2}') _{0}_list {3}; return ;;\n"
                            : "        '{1} {2}') COMPREPLY=($(compgen -W {3} -- \"$word\")); return ;;\n"),
                    program.name, command.name, name,
                    shellQuoted(fmt::format("{}", fmt::join(option.choices, " "))));
        }
    out += "    esac\n    case $word$command in\n";
    out += fmt::format(
        "        -*) [ -z \"$command\" ] && COMPREPLY=($(compgen -W '--help --version' -- \"$word\"))"
        " && return ;;\n    esac\n");
    out += fmt::format(
        "    case $command in\n        '') COMPREPLY=($(compgen -W {} -- \"$word\")); return ;;\n",
        shellQuoted(commandNames(program)));
    for (const auto& command : program.commands) {
        std::string words = joinedNames(command);
        if (command.name == "help")
            out += fmt::format(
                "        help) case $word in -*) ;; *) COMPREPLY=($(compgen -W \"$(\"${{COMP_WORDS[0]}}\" "
                "help "
                "--names 2>/dev/null)\" -- \"$word\")); return ;; esac ;;&\n");
        out += fmt::format(
            "        {}) case $word in -*) COMPREPLY=($(compgen -W {} -- \"$word\")); return ;; esac ;;\n",
            command.name, shellQuoted(words));
    }
    out += fmt::format(
        "    esac\n"
        "    compopt -o filenames 2>/dev/null\n"
        "    COMPREPLY=($(compgen -f -- \"$word\"))\n"
        "}}\n"
        "complete -F _{0} {0}\n",
        program.name);
    return out;
}

std::string zshCompletion(const ProgramText& program) {
    std::string out = fmt::format(
        "#compdef {0}\n# zsh completion of {0} {1}, made by `{0} help --completion zsh`\n"
        "_{0}() {{\n"
        "    local context state line\n"
        "    _arguments -C '--help[what {0} does]' '--version[its version]' '1:command:->command' "
        "'*::option:->options'\n"
        "    case $state in\n"
        "        command)\n"
        "            local -a commands=(\n",
        program.name, program.version);
    for (const auto& command : program.commands)
        out += fmt::format("                {}\n", shellQuoted(command.name + ":" + forZsh(command.summary)));
    out +=
        "            )\n            _describe command commands ;;\n        options)\n            case "
        "$line[1] in\n";
    for (const auto& command : program.commands) {
        out += fmt::format("                {})\n                    _arguments", command.name);
        for (const auto& option : command.options) {
            if (option.positional) {
                out += " " + shellQuoted(fmt::format(
                                 "*{}", zshValue(option).empty() ? ":file:_files" : zshValue(option)));
                continue;
            }
            for (const auto& name : option.names)
                out += fmt::format(" \\\n                        {}",
                                   shellQuoted(fmt::format("{}{}[{}]{}", option.many ? "*" : "", name,
                                                           forZsh(option.description), zshValue(option))));
        }
        out += " \\\n                        '--help[all options]' ;;\n";
    }
    out += fmt::format("            esac ;;\n    esac\n}}\n_{} \"$@\"\n", program.name);
    return out;
}

}  // namespace rheo::cli
