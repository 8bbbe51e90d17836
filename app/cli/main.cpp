// rheo-engine: the commands of rheo, with all libraries that they need. A person starts rheo (front.cpp).
#include "app/cli/commands.h"
#include "app/cli/describe.h"
#include "app/cli/info.h"
#include "app/cli/program.h"

namespace rheo::cli {

namespace {

void addCommands(CLI::App& app, Command& chosen) {
    static ProgramText program;  // read when rheo help runs
    addInfo(app, chosen, infoOfTheRest);
    for (const auto add : {addTokenize, addLogits, addCapture, addImport, addMerge, addAnalyze, addTeleport,
                           addIntervene, addPatch, addAttribute, addRouting, addDirections, addFlow,
                           addResponse, addFigure, addReport, addCompare, addSeries, addDemo})
        add(app, chosen);
    addHelp(app, chosen, program);
    program = describe(app, means);
}

}  // namespace

int dispatch(std::vector<std::string> arguments, Common& common) {
    return runCommand(std::move(arguments), addCommands, common);
}

}  // namespace rheo::cli

int main(int argc, char** argv) {
    rheo::cli::runProgram(argc, argv, rheo::cli::addCommands);
}
