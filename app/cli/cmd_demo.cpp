// rheo demo: the whole chain on the built-in model and prompts, as the very commands it shows.
#include <fmt/format.h>

#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "app/cli/commands.h"
#include "app/resource_paths.h"
#include "core/base/error.h"
#include "core/base/printable.h"
#include "core/session/recipe_figure.h"

namespace rheo::cli {

namespace fs = std::filesystem;

namespace {

struct Options {
    std::string out;
    bool force = false;
    bool published = false;
};

struct Step {
    std::string title;
    std::string what;  ///< a sentence for the page
    std::vector<std::string> arguments;
    std::string figure;  ///< file name of the figure it made, or empty
};

const char* const prompt =
    "It is a truth universally acknowledged, that a single man in possession of a good fortune, must be in "
    "want of a";

std::vector<Step> demoSteps(const fs::path& out) {
    const std::string model = demoModelFolder().string();
    const std::string trace = (out / "trace.rheo.h5").string();
    const std::string results = (out / "results.h5").string();
    const std::string pushed = (out / "teleport.h5").string();
    std::vector<Step> steps{
        {"Capture",
         "The last token of 1,000 passages at every residual point of the built-in model.",
         {"capture", "--model", model, "--prompts", demoPromptsFile().string(), "--out", trace},
         ""},
        {"Analyse",
         "PCA over all rows and depths beside three nulls, and the density of every unit.",
         {"analyze", trace, "--stat", "pca,density", "--null", "depth_shuffle,increment_shuffle,sign_flip",
          "--repeats", "200", "--out", results},
         ""},
        {"Teleport",
         "One state pushed along the first components in block 8, and what the network computes from it, "
         "beside random pushes of the same norm.",
         {"teleport", "--model", model, "--text", prompt, "--point", "L08.attn_in", "--basis", results,
          "--by=-25,20,0", "--controls", "32", "--out", pushed},
         ""},
    };
    const auto figure = [&](const char* title, const char* what, const std::string& source,
                            const std::string& view) {
        const std::string file = view + ".svg";
        steps.push_back(
            {title, what, {"figure", source, "--view", view, "--out", (out / file).string()}, file});
    };
    figure("Trajectories",
           "Each curve is the last token of one passage, moving through the first three principal components "
           "from block to block; the heavy curve is the mean.",
           results, "trajectories");
    figure("How much three components hold",
           "Variance explained by each component, beside what the nulls give: a random walk is "
           "low-dimensional too.",
           results, "pca");
    figure("Density", "Mean activation of each unit (sorted by the last point) over depth.", results,
           "density");
    figure("Sparsity by depth", "How evenly activity is spread over the units, and over the rows.", results,
           "sparsity");
    figure("Teleport",
           "How far the pushed state stays from its natural path, beside random pushes of the same norm.",
           pushed, "teleport");
    return steps;
}

/// Every figure of the results of a published model that are shipped.
std::vector<Step> publishedSteps(const fs::path& out) {
    const fs::path results = publishedResultsFile();
    std::vector<Step> steps;
    for (const FigureView& view : viewsOf(readResults(results))) {
        const std::string file = fmt::format("{}.svg", view.name);
        steps.push_back(
            {std::string(view.title),
             std::string(view.shows),
             {"figure", results.string(), "--view", std::string(view.name), "--out", (out / file).string()},
             file});
    }
    return steps;
}

const char* const aboutDemo =
    "The built-in model is a llama of 32 blocks and 128 units, trained on eleven novels; the passages come "
    "from two others.";
const char* const aboutPublished =
    "SmolLM2-135M-Instruct (Hugging Face, Apache-2.0), 30 blocks of 576 units, at the last tokens of 100 "
    "passages from two novels, in bfloat16. The trace and its results are shipped with the program.";

std::string page(const std::vector<Step>& steps, const char* about, double seconds) {
    std::string html =
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Rheograph: the "
        "demo</title>\n<style>\n"
        "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 "
        "1rem;color:#1a1a1a;background:#fff}\n"
        "h1{font-weight:600}h2{margin-top:2.5rem;font-weight:600}img{max-width:100%;border:1px solid #ddd}\n"
        "pre{background:#f4f4f4;padding:.6rem "
        ".8rem;overflow-x:auto;font-size:13px;white-space:pre-wrap;overflow-wrap:anywhere}\n"
        "</style></head><body>\n<h1>A residual stream over depth</h1>\n";
    html += fmt::format(
        "<p>{} Everything below was made by the commands shown, in {:.0f} seconds. Rheograph {}.</p>\n",
        about, seconds, RHEO_VERSION);
    for (const auto& step : steps) {
        html += fmt::format("<h2>{}</h2>\n<p>{}</p>\n", escapeHtml(step.title), escapeHtml(step.what));
        if (!step.figure.empty())
            html += fmt::format("<img src=\"{0}\" alt=\"{1}\">\n", escapeHtml(step.figure),
                                escapeHtml(step.title));
        html += fmt::format("<pre>{}</pre>\n", escapeHtml(commandLine(step.arguments)));
    }
    return html + "</body></html>\n";
}

int run(const Options& options, Common& common) {
    const auto started = std::chrono::steady_clock::now();
    const fs::path out = fs::absolute(options.out);
    claim(out);
    std::error_code failed;
    fs::create_directories(out, failed);
    if (failed)
        throw Error(ErrorCode::Io,
                    fmt::format("cannot make the folder {}: {}", out.string(), failed.message()),
                    out.string());
    auto steps = options.published ? publishedSteps(out) : demoSteps(out);
    if (!options.force)
        for (const char* name : {"trace.rheo.h5", "results.h5", "teleport.h5", "index.html"})
            if (fs::exists(out / name))
                throw Error(ErrorCode::AlreadyExists,
                            fmt::format("{} exists already; choose another folder, or use --force",
                                        (out / name).string()),
                            (out / name).string());

    for (auto& step : steps) {
        common.console.say(fmt::format("{}", commandLine(step.arguments)));
        std::fflush(stdout);
        auto arguments = step.arguments;
        if (options.force) arguments.emplace_back("--force");
        Common inner;
        inner.console.style = common.console.style;
        inner.console.silent = true;
        inner.threads = common.threads;
        inner.seed = common.seed;
        if (const int status = dispatch(arguments, inner); status != 0) return status;
    }
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
    writeFile(out / "index.html", page(steps, options.published ? aboutPublished : aboutDemo, seconds),
              IfExists::Replace);
    common.console.say(fmt::format("done in {:.1f} s: {}", seconds, (out / "index.html").string()));
    common.console.result(
        {{"out", out.string()}, {"rows", options.published ? 100 : 1000}, {"seconds", seconds}});
    return 0;
}

}  // namespace

void addDemo(CLI::App& app, Command& chosen) {
    auto* command = app.add_subcommand(
        "demo", "an example of all steps on the built-in model and prompts, with a web page that shows them");
    auto options = std::make_shared<Options>();
    command->add_option("--out", options->out, "folder for the trace, results, figures and index.html")
        ->required()
        ->type_name("DIR");
    command->add_flag("--force", options->force, "replace what is there");
    command->add_flag(
        "--published", options->published,
        "instead, the figures of a published model (SmolLM2-135M), from results shipped with the program");
    command->callback(
        [options, &chosen] { chosen = [options](Common& common) { return run(*options, common); }; });
}

}  // namespace rheo::cli
