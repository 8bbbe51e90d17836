#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

/// What the command line takes, as plain values: completion and man pages are made from the options
/// themselves.
namespace rheo::cli {

struct OptionText {
    std::vector<std::string> names;    ///< "--quiet", "-q"; of a positional one its name
    std::string value;                 ///< "F"; empty: takes none
    std::string range;                 ///< what is allowed, in words
    std::vector<std::string> choices;  ///< all values that are allowed, where they are few
    std::string description, otherwise, environment;
    bool positional = false, required = false, many = false;
    bool list = false;  ///< takes several of the choices, with commas between them

    /// It may be a file or folder.
    bool mayBePath() const;
};

struct CommandText {
    std::string name, summary;
    std::vector<OptionText> options;
    std::string more;  ///< below the options, in lines of its own
};

struct ProgramText {
    std::string name, version, summary;
    std::vector<OptionText> common;  ///< of every command, but for those that mean nothing to some
    std::vector<CommandText> commands;
};

/// `means`: whether a common option ("--seed") means something to a command.
using Means = std::function<bool(const std::string& option, const std::string& command)>;
/// Each command has the common options that mean something to it among its own.
ProgramText describe(const CLI::App& app, const Means& means);

/// A script for bash, to be sourced.
std::string bashCompletion(const ProgramText& program);
/// A file `_rheo` for zsh's fpath.
std::string zshCompletion(const ProgramText& program);

/// PROGRAM.1 and PROGRAM-COMMAND.1 for each command, and a page of the window. Throws Error(Io).
void writeManPages(const ProgramText& program, const std::filesystem::path& folder);
/// The page of one command, or with nullptr of the program.
std::string manPage(const ProgramText& program, const CommandText* command);
/// The page of the window.
std::string manPageOfWindow(const std::string& version);

}  // namespace rheo::cli
