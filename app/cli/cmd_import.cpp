// rheo import: arrays that other programs saved, to a trace file.
#include <fmt/format.h>

#include <chrono>
#include <nlohmann/json.hpp>

#include "app/cli/commands.h"
#include "core/base/error.h"
#include "core/trace/import.h"

namespace rheo::cli {

namespace {

struct Options {
    std::string input;
    OutOption out;
    ImportOptions import;
    std::string lastIsNormed;
};

LastIsNormed parseLastIsNormed(const std::string& text) {
    if (text == "drop") return LastIsNormed::Drop;
    if (text == "mark") return LastIsNormed::Mark;
    if (text == "no") return LastIsNormed::No;
    throw Error(ErrorCode::InvalidArgument,
                fmt::format("--last-is-normed must be drop, mark or no, not {}", text));
}

nlohmann::ordered_json notFiniteByPoint(const ImportOutcome& outcome) {
    nlohmann::ordered_json list = nlohmann::ordered_json::array();
    for (const auto& at : outcome.notFiniteByPoint)
        list.push_back(
            {{"point", at.point}, {"nan", at.nans}, {"infinite", at.infinities}, {"rows", at.rows}});
    return list;
}

int run(const Options& options, Common& common) {
    const auto started = std::chrono::steady_clock::now();
    claim(options.out.path);
    ImportOptions import = options.import;
    import.ifExists = options.out.ifExists();
    if (!options.lastIsNormed.empty()) import.lastIsNormed = parseLastIsNormed(options.lastIsNormed);
    Progress progress = common.console.progress();
    ImportOutcome outcome;
    try {
        outcome = importTrace(options.input, options.out.path, import, progress);
    } catch (const Cancelled&) {
        complain("interrupted; nothing was written");
        return 130;
    }
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
    for (const auto& note : outcome.notes) common.console.say(note);
    for (const auto& warning : outcome.warnings) common.console.warn(warning);
    common.console.say(fmt::format("{}: {} rows of {} points by {} units in {:.1f} s", options.out.path,
                                   outcome.rows, outcome.points, outcome.units, seconds));
    common.console.result({{"out", options.out.path},
                           {"rows", outcome.rows},
                           {"points", outcome.points},
                           {"d_model", outcome.units},
                           {"samples", outcome.samples},
                           {"distinct_rows", outcome.distinctRows},
                           {"not_finite", outcome.notFinite},
                           {"not_finite_by_point", notFiniteByPoint(outcome)},
                           {"notes", outcome.notes},
                           {"seconds", seconds}});
    return 0;
}

}  // namespace

void addImport(CLI::App& app, Command& chosen) {
    auto* command = app.add_subcommand(
        "import", "make a trace from states that another program saved as .npy, .npz, safetensors or HDF5");
    auto options = std::make_shared<Options>();
    ImportOptions& import = options->import;
    command->add_option("input", options->input, "the file; its type is detected from its contents")
        ->required()
        ->type_name("IN");
    options->out.addTo(*command, "the trace (.rheo.h5)");
    command->add_option("--dataset", import.dataset, "use only this array (in an HDF5 file: its path)")
        ->type_name("/PATH");
    command->add_option("--tensors", import.tensors, "only arrays whose name matches, e.g. 'resid.*'")
        ->type_name("GLOB");
    command
        ->add_option(
            "--layout", import.layout,
            "order of the axes of an array, from batch, row, point, unit; default: derived from the names")
        ->type_name("row,point,unit");
    command
        ->add_option("--sites", import.sites,
                     "names of the points: attn_in,mlp_in or block_in, repeated for each block, with ,final "
                     "for the last point; or a JSON list of names")
        ->type_name("SITES");
    command
        ->add_option("--last-is-normed", options->lastIsNormed,
                     "the last point is after the final norm: drop it, mark it (kept without a name), or no; "
                     "default drop for output_hidden_states, else no")
        ->check(CLI::IsMember({"drop", "mark", "no"}));
    command
        ->add_option(
            "--mask", import.mask,
            "attention mask [sample, token] or lengths [sample]: a file, FILE:NAME or an array of IN; none "
            "ignores those in IN; default: attention_mask or lengths beside the states")
        ->type_name("MASK");
    command
        ->add_option("--dtype-of", import.dtypeOf,
                     "type of two-byte integers, and of elements without a type: bfloat16 or float16")
        ->check(CLI::IsMember({"bfloat16", "float16"}));
    command->add_flag("--tl-unprocessed", import.transformerLensUnprocessed,
                      "TransformerLens loaded the model without folding norms or centring weights");
    command->callback(
        [options, &chosen] { chosen = [options](Common& common) { return run(*options, common); }; });
}

}  // namespace rheo::cli
