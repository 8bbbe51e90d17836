// rheo help: the manual, and what is made from the table of commands and options.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "app/cli/commands.h"
#include "app/cli/describe.h"
#include "app/manual.h"
#include "app/markdown.h"
#include "app/resource_paths.h"

namespace rheo::cli {

namespace {

struct Options {
    std::string topic, completion, man;
    bool names = false;
};

/// Topics, and the names in code that have a section; each once.
std::vector<std::string> namesOf(const Manual& manual) {
    std::vector<std::string> names;
    std::set<std::string> seen;
    const auto add = [&](const std::string& name) {
        if (!name.empty() && seen.insert(name).second) names.push_back(name);
    };
    for (const auto& topic : manual.topics) add(topic.name);
    for (const auto& topic : manual.topics)
        for (const auto& section : topic.sections) add(section.key);
    return names;
}

std::string listOfTopics(const Manual& manual) {
    std::string text;
    for (const auto& topic : manual.topics)
        text += fmt::format("  {:<16}  {}", topic.name, plainText(topic.summary, 1000));
    return text;
}

std::string textOf(const ManualPlace& place) {
    return place.isWholeTopic() ? place.topic->text() : place.section->text;
}

/// What a text leads to, as `rheo help` takes it.
std::string seeAlso(const Manual& manual, const std::vector<ManualPlace>& places) {
    std::vector<std::string> names;
    for (const auto& place : places)
        for (const auto& link : linksOf(textOf(place)))
            if (const auto leads = followLink(manual, *place.topic, link)) {
                const std::string name = leads->section->key.empty() ? leads->address() : leads->section->key;
                if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
            }
    if (names.empty()) return {};
    return "\n" + plainText(fmt::format("See also: rheo help {}", fmt::join(names, ", ")));
}

int listTopics(const Manual& manual, const ProgramText& program, const Console& console) {
    nlohmann::ordered_json topics = nlohmann::ordered_json::array(), commands = topics;
    for (const auto& topic : manual.topics)
        topics.push_back({{"name", topic.name}, {"title", topic.title}, {"summary", topic.summary}});
    for (const auto& command : program.commands)
        commands.push_back({{"name", command.name}, {"summary", command.summary}});
    console.result({{"topics", topics}, {"commands", commands}});
    if (console.json) return 0;
    std::string text = "The manual. rheo help TOPIC prints one of\n\n" + listOfTopics(manual) +
                       "\nrheo help WORD prints the sections about a view, a statistic, a null or a finding "
                       "(rheo help sign_flip),\nand rheo help COMMAND the options of one of\n\n";
    for (const auto& command : program.commands)
        text += fmt::format("  {:<16}  {}\n", command.name, command.summary);
    printText(text);
    return 0;
}

int printTopic(const Manual& manual, const ProgramText& program, std::string word, const Console& console) {
    if (word == "help") word = "command_line";
    std::vector<ManualPlace> places;
    if (const auto place = findPlace(manual, word)) places.push_back(*place);
    if (places.empty()) places = placesAbout(manual, word);
    if (places.empty()) {
        std::vector<std::string> names = namesOf(manual), topics;
        for (const auto& command : program.commands) names.push_back(command.name);
        for (const auto& topic : manual.topics) topics.push_back(topic.name);
        const std::string near = nearest(word, names);
        throw UsageError(fmt::format("there is no topic '{}'{} There are {}", word,
                                     near.empty() ? "." : fmt::format("; did you mean {}?", near),
                                     fmt::join(topics, ", ")),
                         word);
    }
    std::string markdown;
    for (const auto& place : places) markdown += textOf(place);
    console.result({{"topic", word}, {"markdown", markdown}});
    if (!console.json) printText(plainText(markdown) + seeAlso(manual, places));
    return 0;
}

int run(const Options& options, const ProgramText& program, Common& common) {
    if (!options.completion.empty()) {
        printRaw(options.completion == "zsh" ? zshCompletion(program) : bashCompletion(program));
        return 0;
    }
    if (!options.man.empty()) {
        writeManPages(program, options.man);
        return 0;
    }
    const Manual manual = readManual(resourceFolder() / "help");
    if (options.names) {
        std::string text;
        for (const auto& name : namesOf(manual)) text += name + "\n";
        for (const auto& command : program.commands) text += command.name + "\n";
        printText(text);
        return 0;
    }
    if (options.topic.empty()) return listTopics(manual, program, common.console);
    return printTopic(manual, program, options.topic, common.console);
}

}  // namespace

void addHelp(CLI::App& app, Command& chosen, const ProgramText& program) {
    auto* command = app.add_subcommand("help", "the manual by topic, or the options of a command");
    auto options = std::make_shared<Options>();
    command
        ->add_option("topic", options->topic,
                     "a topic, a name such as sign_flip, or a command; default: lists them")
        ->type_name("TOPIC");
    auto* names = command->add_flag("--names", options->names, "all names that have help, one per line");
    auto* completion =
        command->add_option("--completion", options->completion, "print the completion script for a shell")
            ->check(CLI::IsMember({"bash", "zsh"}))
            ->type_name("SHELL");
    command->add_option("--man", options->man, "write a man page for each command into this folder")
        ->type_name("DIR")
        ->excludes(completion)
        ->excludes(names);
    command->callback([options, &chosen, &program] {
        chosen = [options, &program](Common& common) { return run(*options, program, common); };
    });
}

}  // namespace rheo::cli
