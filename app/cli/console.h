#pragma once

#include <nlohmann/json_fwd.hpp>
#include <stop_token>
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

/// What a command says, and where: results on stdout, all else on stderr.
class Console {
public:
    bool json = false;
    bool silent = false;  ///< say nothing on stdout: this command is a step of another
    ProgressStyle style = ProgressStyle::Auto;

    /// Progress that prints as the style says and stops on SIGINT or SIGTERM.
    Progress progress() const;
    /// A remark that does not stop the command; kept for `--json` ("warnings").
    void warn(const std::string& sentence);
    /// A line for a person: nothing is printed with --json.
    void say(const std::string& line) const;
    /// Machine-readable result: printed with --json only. Adds "warnings" where the result has `out`.
    void result(nlohmann::ordered_json value) const;
    const std::vector<std::string>& warnings() const { return m_warnings; }

private:
    std::vector<std::string> m_warnings;
};

/// From here on SIGINT and SIGTERM request a stop instead of ending the process; a second one ends it.
void catchInterrupts();
std::stop_token interruptToken();

}  // namespace rheo::cli
