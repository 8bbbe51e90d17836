#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "core/base/progress.h"

namespace rheo::cli {

enum class ProgressStyle {
    Auto,  ///< a bar where stderr is a terminal, nothing elsewhere
    Bar,
    Plain,  ///< a line for each new stage and each tenth
    None,
};

/// What a command prints, and where: results on stdout, all else on stderr. Nothing is printed past the
/// functions of this header: they escape what a terminal would act on (core/base/printable.h).
class Console {
public:
    bool json = false;
    bool silent = false;  ///< say nothing on stdout: this command is a step of another
    ProgressStyle style = ProgressStyle::Auto;

    /// Progress that prints as the style says and stops on SIGINT, SIGTERM or SIGHUP.
    Progress progress() const;
    /// A remark that does not stop the command; kept for `--json` ("warnings").
    void warn(const std::string& sentence);
    /// One line for a person: nothing is printed with --json.
    void say(const std::string& line) const;
    /// Machine-readable result: printed with --json only. Adds "warnings" where the result has `out`.
    void result(nlohmann::ordered_json value) const;
    /// A failure: "rheo: message" on stderr, and with --json {error {code, message, context}} on stdout.
    void fail(std::string_view code, const std::string& message, const std::string& context) const;
    const std::vector<std::string>& warnings() const { return m_warnings; }

private:
    std::vector<std::string> m_warnings;
};

/// Prints text of several lines, escaped line by line, with nothing after it.
void printText(const std::string& text);
/// The bytes themselves on stdout; escaped, newlines and tabs kept, where that is a terminal.
void printRaw(const std::string& bytes);
/// One line on stderr.
void complain(const std::string& line);
/// Hands everything printed on stdout to the system. Returns 0, or the errno of the first write that failed.
int finishOutput();

}  // namespace rheo::cli
