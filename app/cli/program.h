#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <vector>

#include "app/cli/commands.h"

namespace rheo::cli {

/// Adds the commands of a program to its App; each sets the command when it is the one on the command line.
using AddCommands = std::function<void(CLI::App&, Command&)>;

/// Whether a common option ("--seed") means something to a command.
bool means(const std::string& option, const std::string& command);

/// Whether a command does more than read, print and draw: it needs memory for OpenBLAS and threads.
bool computes(const std::string& command);

/// Parses one command line, the program's name left out, and runs it. Options given in it override those
/// in `common`. Returns the exit status. Throws UsageError; what the command throws passes through.
int runCommand(std::vector<std::string> arguments, const AddCommands& add, Common& common);

/// All of main(): what the command throws becomes one line on stderr and an exit status. Does not return.
[[noreturn]] void runProgram(int argc, char** argv, const AddCommands& add);

}  // namespace rheo::cli
