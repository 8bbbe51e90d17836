// Man pages, made from the options themselves.
#include <fmt/format.h>

#include <sstream>

#include "app/cli/describe.h"
#include "app/window_options.h"
#include "core/base/output_file.h"

namespace rheo::cli {

namespace {

/// As roff writes it: a hyphen that is copied as one, and no line that is read as a request.
std::string roff(const std::string& text) {
    std::string out;
    bool begins = true;
    for (const char c : text) {
        if (begins && (c == '.' || c == '\'')) out += "\\&";
        if (c == '-')
            out += "\\-";
        else if (c == '\\')
            out += "\\e";
        else if (c == '\'')
            out += "\\(aq";
        else if (c == '^')
            out += "\\(ha";
        else if (c == '~')
            out += "\\(ti";
        else if (c == '`')
            out += "\\(ga";
        else
            out += c;
        begins = c == '\n';
    }
    return out;
}

std::string heading(const std::string& page, const std::string& version) {
    return fmt::format(".TH {} 1 \"\" \"Rheograph {}\" \"Rheograph\"\n", roff(page), version);
}

/// "F" or "auto, bar, plain or none".
std::string valueOf(const OptionText& option) {
    return option.value.empty() ? "" : fmt::format(" \\fI{}\\fR", roff(option.value));
}

std::string entry(const OptionText& option) {
    std::vector<std::string> names;
    for (const auto& name : option.names) names.push_back("\\fB" + roff(name) + "\\fR" + valueOf(option));
    if (option.positional)
        names = {"\\fI" + roff(option.value.empty() ? option.names.front() : option.value) + "\\fR"};
    std::string text = option.description;
    if (!option.choices.empty() && !option.list)
        text += fmt::format("; one of {}", fmt::join(option.choices, ", "));
    if (!option.range.empty()) text += "; " + option.range;
    if (!option.otherwise.empty()) text += fmt::format(" (default: {})", option.otherwise);
    if (!option.environment.empty()) text += fmt::format(" (environment: {})", option.environment);
    if (option.required) text += ". Required";
    return fmt::format(".TP\n{}\n{}.\n", fmt::join(names, ", "), roff(text));
}

/// Lines as they are: what --help prints below the options.
std::string verbatim(const std::string& text) {
    return ".nf\n" + roff(text) + (text.ends_with('\n') ? "" : "\n") + ".fi\n";
}

constexpr const char* exitStatus =
    ".SH EXIT STATUS\n"
    ".TP\n"
    "0\n"
    "Done.\n"
    ".TP\n"
    "1\n"
    "Failed: one line says what failed, in which file, and what to do.\n"
    ".TP\n"
    "2\n"
    "Wrong usage.\n"
    ".TP\n"
    "130\n"
    "Interrupted: finished parts are kept.\n";

}  // namespace

std::string manPage(const ProgramText& program, const CommandText* command) {
    const std::string page = program.name + (command != nullptr ? "-" + command->name : "");
    const std::string& summary = command != nullptr ? command->summary : program.summary;
    std::string text = heading(page, program.version);
    text += fmt::format(".SH NAME\n{} \\- {}\n.SH SYNOPSIS\n", roff(page), roff(summary));
    if (command == nullptr) {
        text += fmt::format(".B {}\n.I COMMAND\n[\\fIOPTIONS\\fR]\n.SH COMMANDS\n", program.name);
        for (const auto& one : program.commands)
            text += fmt::format(".TP\n\\fB{}\\fR\n{}. See\n.BR {}\\-{} (1).\n", roff(one.name),
                                roff(one.summary), program.name, roff(one.name));
        text += ".SH OPTIONS OF EVERY COMMAND\nA command refuses the options that have no meaning for it.\n";
        for (const auto& option : program.common) text += entry(option);
    } else {
        text += fmt::format(".B {} {}\n[\\fIOPTIONS\\fR]\n", program.name, roff(command->name));
        for (const auto& option : command->options)
            if (option.positional)
                text += fmt::format("\\fI{}\\fR\n",
                                    roff(option.value.empty() ? option.names.front() : option.value));
        text += ".SH OPTIONS\n";
        for (const auto& option : command->options) text += entry(option);
        if (!command->more.empty()) text += ".SH NOTES\n" + verbatim(command->more);
    }
    text += exitStatus;
    text += fmt::format(".SH SEE ALSO\n.BR {} (1),\n.BR rheograph (1).\nThe manual:\n.BR \"{} help\" .\n",
                        program.name, program.name);
    return text;
}

std::string manPageOfWindow(const std::string& version) {
    std::string text = heading("rheograph", version);
    text += fmt::format(".SH NAME\nrheograph \\- {}\n",
                        roff("window of Rheograph, the residual stream as a dynamical system"));
    text += fmt::format(
        ".SH SYNOPSIS\n.B rheograph\n[\\fIOPTIONS\\fR] [\\fIPATH\\fR ...]\n.SH DESCRIPTION\n{}\n.SH "
        "OPTIONS\n",
        roff(windowSummary));
    text += fmt::format(".TP\n\\fIPATH\\fR\n{}\n", roff(windowPath));
    for (const WindowOption& option : windowOptions)
        text += fmt::format(".TP\n\\fB{}\\fR{}\n{}\n", roff(std::string("--") + option.name),
                            option.value == nullptr ? "" : fmt::format(" \\fI{}\\fR", roff(option.value)),
                            roff(option.description));
    text += ".SH SEE ALSO\n.BR rheo (1).\nThe manual: F1 in the window, or\n.BR \"rheo help\" .\n";
    return text;
}

void writeManPages(const ProgramText& program, const std::filesystem::path& folder) {
    std::filesystem::create_directories(folder);
    const auto write = [&](const std::string& page, const std::string& text) {
        writeFile(folder / (page + ".1"), text, IfExists::Replace);
    };
    write(program.name, manPage(program, nullptr));
    write("rheograph", manPageOfWindow(program.version));
    for (const auto& command : program.commands)
        write(program.name + "-" + command.name, manPage(program, &command));
}

}  // namespace rheo::cli
