// rheo tokenize: text to ids and pieces, and back.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "app/cli/commands.h"
#include "core/base/error.h"
#include "core/checkpoint/model_cache.h"
#include "core/checkpoint/model_files.h"
#include "core/tokenizer/tokenizer_folder.h"

namespace rheo::cli {

namespace {

struct Options {
    ModelOption model;
    TextOption text;
    std::string decode;
    bool noSpecial = false;
    bool keepSpecial = false;
};

int run(const Options& options, Common& common) {
    // Neither config nor weights are needed: a folder with a tokenizer alone will do.
    const std::filesystem::path folder = locateModel(options.model.name);
    if (!findTokenizerFile(folder)) {
        if (const std::string foreign = describeForeignModel(folder); !foreign.empty())
            throw Error(ErrorCode::NotFound, foreign, folder.string());
        const std::string command = fetchCommand(folder);
        throw Error(
            ErrorCode::NotFound,
            fmt::format("{} has no tokenizer ({}), so text cannot be turned into tokens{}", folder.string(),
                        kTokenizerFiles, command.empty() ? "" : fmt::format("; fetch it with `{}`", command)),
            folder.string());
    }
    OpenModel open;
    open.tokenizer = Tokenizer::open(folder);
    open.tokenizerNotes = open.tokenizer->notes();
    if (options.model.literal) open.tokenizer = open.tokenizer->literal();
    const Tokenizer* const tokenizer = open.tokenizer.get();
    if (!options.decode.empty()) {
        const std::string text = tokenizer->decode(parseIds(options.decode), options.keepSpecial);
        common.console.result({{"text", text}});
        if (!common.console.json) printRaw(text);
        return 0;
    }
    const auto ids = tokenizer->encode(options.text.readText(), !options.noSpecial);
    Sample sample;
    sample.tokenIds = ids;
    warnOfPrompts({sample}, open, common.console);
    nlohmann::ordered_json pieces = nlohmann::ordered_json::array();
    for (const auto id : ids) pieces.push_back(tokenizer->piece(id));
    common.console.result({{"ids", ids}, {"pieces", pieces}});
    for (std::size_t i = 0; i < ids.size(); ++i)
        common.console.say(fmt::format("{:>7}  {}", ids[i], tokenizer->piece(ids[i])));
    return 0;
}

}  // namespace

void addTokenize(CLI::App& app, Command& chosen) {
    auto* command = app.add_subcommand("tokenize", "token ids and pieces of a text, and back");
    auto options = std::make_shared<Options>();
    options->model.addTo(*command);
    options->model.addLiteralTo(*command);
    options->text.addTo(*command, false);
    auto* file = command->add_option("--file", options->text.file, "the same as --text-file")->type_name("F");
    auto* noSpecial =
        command->add_flag("--no-special", options->noSpecial, "do not apply the post-processor (no BOS)");
    auto* decode = command->add_option("--decode", options->decode, "ids to turn into text")
                       ->check(readBy(parseIds))
                       ->type_name("1,2,3");
    command->add_flag("--keep-special", options->keepSpecial, "with --decode: special tokens too")
        ->needs(decode);
    for (auto* other : {command->get_option("--text"), command->get_option("--text-file")}) {
        decode->excludes(other);
        file->excludes(other);
    }
    decode->excludes(file)->excludes(noSpecial);
    command->callback(
        [options, &chosen] { chosen = [options](Common& common) { return run(*options, common); }; });
}

}  // namespace rheo::cli
