#include "widgets/views/analysis_dialog.h"

#include <QCheckBox>
#include <QComboBox>
#include <QDoubleSpinBox>
#include <QEvent>
#include <QFormLayout>
#include <QGroupBox>
#include <QHBoxLayout>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QRegularExpressionValidator>
#include <QScrollArea>
#include <QSpinBox>
#include <QVBoxLayout>
#include <algorithm>
#include <functional>

#include "core/analysis/null.h"
#include "core/analysis/null_table.h"
#include "widgets/viewmodels/workspace.h"

namespace rheo {

namespace {

constexpr int checkDelay = 120;  // ms

QString text(std::string_view words) {
    return QString::fromUtf8(words.data(), static_cast<qsizetype>(words.size()));
}

/// A message without the option of the command line that it begins with: "--select place>1: there is ...".
QString withoutOption(const QString& message) {
    const qsizetype colon = message.indexOf(": ");
    return message.startsWith("--") && colon > 0 ? message.mid(colon + 2) : message;
}

/// Adds a field for each option of a statistic, which writes to the option itself.
struct OptionFields {
    QFormLayout& form;
    std::vector<std::function<void()>>& fillers;
    std::function<void()> changed;

    void add(const char* name, QWidget* field, const char* what) {
        field->setToolTip(QString::fromUtf8(what));
        auto* label = new QLabel(QString::fromUtf8(name).replace('_', ' '));
        label->setBuddy(field);
        label->setToolTip(QString::fromUtf8(what));
        form.addRow(label, field);
    }
    void real(const char* name, double& value, double least, double most, const char* what) {
        auto* field = new QDoubleSpinBox;
        field->setDecimals(4);
        field->setRange(least, most);
        field->setSingleStep(0.05);
        field->setStepType(QAbstractSpinBox::AdaptiveDecimalStepType);
        QObject::connect(field, &QDoubleSpinBox::valueChanged, field, [&value, done = changed](double now) {
            value = now;
            done();
        });
        fillers.emplace_back([field, &value] { field->setValue(value); });
        add(name, field, what);
    }
    void whole(const char* name, int& value, std::uint64_t least, std::uint64_t most, const char* what) {
        auto* field = new QSpinBox;
        field->setRange(static_cast<int>(least), static_cast<int>(most));
        QObject::connect(field, &QSpinBox::valueChanged, field, [&value, done = changed](int now) {
            value = now;
            done();
        });
        fillers.emplace_back([field, &value] { field->setValue(value); });
        add(name, field, what);
    }
    void flag(const char* name, bool& value, const char* what) {
        auto* field = new QCheckBox(QString::fromUtf8(what));
        QObject::connect(field, &QCheckBox::toggled, field, [&value, done = changed](bool now) {
            value = now;
            done();
        });
        fillers.emplace_back([field, &value] { field->setChecked(value); });
        add(name, field, what);
    }
    template <class E>
    void choice(const char* name, E& value, const std::vector<std::pair<const char*, E>>& choices,
                const char* what) {
        auto* field = new QComboBox;
        for (const auto& one : choices) field->addItem(QString::fromUtf8(one.first));
        QObject::connect(field, &QComboBox::currentIndexChanged, field,
                         [&value, choices, done = changed](int now) {
                             value = choices[static_cast<std::size_t>(now)].second;
                             done();
                         });
        fillers.emplace_back([field, &value, choices] {
            for (std::size_t i = 0; i < choices.size(); ++i)
                if (choices[i].second == value) field->setCurrentIndex(static_cast<int>(i));
        });
        add(name, field, what);
    }
    void recorded(const char*, const auto&) {}
    void defined(const char*, const char*) {}
};

}  // namespace

AnalysisDialog::AnalysisDialog(Analyses& analyses, Workspace& workspace, QWidget* parent)
    : QDialog(parent),
      m_analyses(analyses),
      m_workspace(workspace),
      m_choice(analyses.choice()),
      m_repeats(new QSpinBox),
      m_seed(new QLineEdit),
      m_rows(new QLineEdit),
      m_mask(new QLineEdit),
      m_scaling(new QComboBox),
      m_points(new QComboBox),
      m_cost(new QLabel),
      m_compute(new QPushButton(tr("&Compute"))),
      m_command(new QPushButton(tr("Copy as co&mmand"))) {
    setWindowTitle(tr("Compute statistics"));
    m_checkSoon.setSingleShot(true);
    m_checkSoon.setInterval(checkDelay);
    connect(&m_checkSoon, &QTimer::timeout, this, &AnalysisDialog::check);

    auto* right = new QWidget;
    auto* rightLayout = new QVBoxLayout(right);
    rightLayout->setContentsMargins(0, 0, 0, 0);
    rightLayout->addWidget(makeData());
    rightLayout->addWidget(makeNulls());
    rightLayout->addStretch();
    const auto scrolled = [](QWidget* content) {
        auto* area = new QScrollArea;
        area->setWidget(content);
        area->setWidgetResizable(true);
        area->setFrameShape(QFrame::NoFrame);
        area->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
        return area;
    };
    auto* columns = new QHBoxLayout;
    columns->addWidget(scrolled(makeStatistics()), 1);
    columns->addWidget(scrolled(right), 1);
    m_cost->setWordWrap(true);
    m_cost->setMinimumHeight(2 * fontMetrics().height() + 4);
    m_cost->setAlignment(Qt::AlignLeft | Qt::AlignVCenter);
    m_cost->setAccessibleName(tr("What it costs"));
    auto* close = new QPushButton(tr("C&lose"));
    auto* buttons = new QHBoxLayout;
    buttons->addWidget(m_command);
    buttons->addStretch();
    buttons->addWidget(m_compute);
    buttons->addWidget(close);
    for (QPushButton* button : {m_command, close}) button->setAutoDefault(false);
    m_compute->setDefault(true);
    m_compute->setMinimumWidth(130);
    auto* layout = new QVBoxLayout(this);
    layout->addWidget(makePresets());
    layout->addLayout(columns, 1);
    layout->addWidget(m_cost);
    layout->addLayout(buttons);
    resize(900, 700);

    connect(m_compute, &QPushButton::clicked, this, &AnalysisDialog::compute);
    connect(m_command, &QPushButton::clicked, this, [this] { Q_EMIT commandRequested(m_choice); });
    connect(close, &QPushButton::clicked, this, &QDialog::close);
    for (const auto signal : {&Workspace::stateChanged, &Workspace::modelChanged})
        connect(&m_workspace, signal, this, [this] {
            if (isVisible()) m_checkSoon.start();  // opening checks anyway
        });
    fill();
}

QWidget* AnalysisDialog::makePresets() {
    auto* box = new QWidget;
    auto* layout = new QHBoxLayout(box);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->addWidget(new QLabel(tr("Start from")));
    for (const ChoicePreset& preset : choicePresets()) {
        auto* button = new QPushButton(text(preset.name));
        button->setAutoDefault(false);
        button->setToolTip(text(preset.shows));
        layout->addWidget(button);
        connect(button, &QPushButton::clicked, this, [this, &preset] {
            const AnalysisChoice made = preset.make(m_workspace.model() != nullptr);
            m_choice.statistics = made.statistics;
            m_choice.nulls = made.nulls;
            m_choice.repeats = made.repeats;
            m_choice.points = made.points;
            fill();
        });
    }
    layout->addStretch();
    return box;
}

QLabel* AnalysisDialog::problemLabel(ChoiceProblem::Field field) {
    auto* label = new QLabel;
    label->setWordWrap(true);
    label->hide();
    m_problems[field] = label;
    return label;
}

QWidget* AnalysisDialog::makeOptions(const std::string& statistic) {
    auto* box = new QWidget;
    auto* form = new QFormLayout(box);
    form->setContentsMargins(26, 0, 0, 4);
    OptionFields fields{*form, m_fillers, [this] { read(); }};
    if (statistic == lensName)
        fields.whole("top", m_choice.top, 1, 1000, "likeliest tokens kept");
    else
        visitOptionsOf(statistic, m_choice.options, fields);
    if (form->rowCount() > 0) return box;
    delete box;
    return nullptr;
}

QWidget* AnalysisDialog::makeStatistics() {
    auto* box = new QGroupBox(tr("Statistics"));
    auto* layout = new QVBoxLayout(box);
    layout->addWidget(problemLabel(ChoiceProblem::Field::Statistic));
    for (const auto& statistic : choosableStatistics()) {
        const std::string name(statistic.name);
        auto* check = new QCheckBox(text(statistic.title));
        check->setToolTip(text(statistic.shows));
        check->setObjectName(text(statistic.name));
        layout->addWidget(check);
        m_statistics.emplace_back(name, check);
        connect(check, &QCheckBox::toggled, this, &AnalysisDialog::read);
        if (QWidget* options = makeOptions(name)) {
            layout->addWidget(options);
            m_options[name] = options;
            options->hide();
        }
    }
    layout->addStretch();
    return box;
}

QWidget* AnalysisDialog::makeNulls() {
    auto* box = new QGroupBox(tr("Beside nulls"));
    auto* layout = new QVBoxLayout(box);
    auto* grid = new QGridLayout;
    layout->addLayout(grid);
    auto names = nullNames();
    names.emplace_back(untrainedNull);
    for (const auto name : names) {
        auto* check = new QCheckBox(text(name));
        check->setObjectName(text(name));
        const NullSpec* null = findNull(name);
        check->setToolTip(
            null != nullptr
                ? text(null->shows)
                : tr("the same tokens through a network of the same architecture with random weights"));
        const int place = static_cast<int>(m_nulls.size());
        grid->addWidget(check, place / 2, place % 2);
        m_nulls.emplace_back(std::string(name), check);
        connect(check, &QCheckBox::toggled, this, &AnalysisDialog::read);
    }
    layout->addWidget(problemLabel(ChoiceProblem::Field::Null));
    auto* form = new QFormLayout;
    m_repeats->setRange(1, 1000000);
    m_repeats->setToolTip(
        tr("Number of surrogates of each null. One untrained network is made, unless you change this."));
    form->addRow(tr("R&epeats"), m_repeats);
    layout->addLayout(form);
    connect(m_repeats, &QSpinBox::valueChanged, this, &AnalysisDialog::read);
    return box;
}

QWidget* AnalysisDialog::makeData() {
    using Field = ChoiceProblem::Field;
    auto* box = new QGroupBox(tr("Of what"));
    auto* form = new QFormLayout(box);
    form->setFieldGrowthPolicy(QFormLayout::ExpandingFieldsGrow);
    for (const char* name : {"raw", "rms", "final_norm"}) m_scaling->addItem(name);
    m_scaling->setToolTip(
        tr("raw; rms: states divided by their own RMS; final_norm: as the unembedding sees them"));
    for (QComboBox* field : {m_scaling, m_points})
        field->setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
    m_points->setEditable(true);
    m_points->setToolTip(
        tr("all, paper (without the final one), one point, or a range L00.attn_in:L07.mlp_in"));
    m_rows->setPlaceholderText(tr("all; or position>=1, sample<500"));
    m_rows->setToolTip(tr("Conditions on position, sample, group or token, joined by commas: all must hold"));
    m_mask->setPlaceholderText(tr("none; or 3,17; or z:6"));
    m_mask->setToolTip(tr("Units to leave out, or z:Z: those whose size has a robust z above Z"));
    m_seed->setValidator(new QRegularExpressionValidator(QRegularExpression("\\d{1,18}"), m_seed));
    m_seed->setToolTip(tr("Seed of all random numbers: the same seed gives the same results"));
    const auto add = [&](const QString& label, QWidget* field, Field problem) {
        form->addRow(label, field);
        form->addRow(QString(), problemLabel(problem));
    };
    add(tr("&Rows"), m_rows, Field::Rows);
    add(tr("&Points"), m_points, Field::Points);
    add(tr("&Scaling"), m_scaling, Field::Scaled);
    add(tr("Masked &units"), m_mask, Field::Units);
    form->addRow(tr("See&d"), m_seed);
    for (QLineEdit* field : {m_rows, m_mask, m_seed})
        connect(field, &QLineEdit::textChanged, this, &AnalysisDialog::read);
    connect(m_points, &QComboBox::currentTextChanged, this, &AnalysisDialog::read);
    connect(m_scaling, &QComboBox::currentTextChanged, this, &AnalysisDialog::read);
    return box;
}

void AnalysisDialog::openFor(const QString& statistic) {
    m_choice = m_analyses.choice();
    if (!statistic.isEmpty()) m_choice = m_analyses.choiceOf(statistic);
    fill();
    show();
    raise();
    activateWindow();
}

/// Shows m_choice in the fields.
void AnalysisDialog::fill() {
    m_filling = true;
    const auto chosen = [](const std::vector<std::string>& names, const std::string& name) {
        return std::find(names.begin(), names.end(), name) != names.end();
    };
    for (const auto& [name, check] : m_statistics) check->setChecked(chosen(m_choice.statistics, name));
    for (const auto& [name, check] : m_nulls) check->setChecked(chosen(m_choice.nulls, name));
    for (const auto& filler : m_fillers) filler();
    m_repeats->setValue(m_choice.repeats);
    m_seed->setText(QString::number(m_choice.seed));
    m_rows->setText(QString::fromStdString(m_choice.select));
    m_mask->setText(QString::fromStdString(m_choice.maskUnits));
    m_scaling->setCurrentText(QString::fromStdString(m_choice.scaling));
    const QString points = QString::fromStdString(m_choice.points);
    m_points->clear();
    m_points->addItems({"all", "paper"});
    for (const auto& point : m_workspace.points())
        m_points->addItem(QString::fromStdString(pointName(point)));
    m_points->setCurrentText(points);
    m_filling = false;
    read();
}

/// Takes m_choice from the fields; its options are written by their own.
void AnalysisDialog::read() {
    if (m_filling) return;
    m_choice.statistics.clear();
    for (const auto& [name, check] : m_statistics) {
        if (check->isChecked()) m_choice.statistics.push_back(name);
        if (const auto options = m_options.find(name); options != m_options.end())
            options->second->setVisible(check->isChecked());
    }
    m_choice.nulls.clear();
    for (const auto& [name, check] : m_nulls)
        if (check->isChecked()) m_choice.nulls.push_back(name);
    m_choice.repeats = m_repeats->value();
    m_choice.untrainedRepeats = m_choice.repeats == AnalysisChoice{}.repeats ? 1 : m_choice.repeats;
    m_choice.seed = m_seed->text().toULongLong();
    m_choice.select = m_rows->text().trimmed().toStdString();
    m_choice.maskUnits = m_mask->text().trimmed().toStdString();
    m_choice.points = m_points->currentText().trimmed().toStdString();
    if (m_choice.points.empty()) m_choice.points = "all";
    m_choice.scaling = m_scaling->currentText().toStdString();
    m_checkSoon.start();
}

/// Says what is wrong beside each field, and what it would cost.
void AnalysisDialog::check() {
    m_checkSoon.stop();
    const auto problems = m_analyses.problemsOf(m_choice);
    const QString ink = palette().color(QPalette::BrightText).name();
    for (const auto& [field, label] : m_problems) {
        QStringList lines;
        for (const auto& problem : problems)
            if (problem.field == field) lines << withoutOption(QString::fromStdString(problem.message));
        label->setText(lines.join('\n'));
        label->setStyleSheet(QStringLiteral("color: %1").arg(ink));
        label->setVisible(!lines.isEmpty());
    }
    const bool rows = m_analyses.hasRows();
    m_compute->setEnabled(problems.empty() && rows);
    m_command->setEnabled(problems.empty());
    if (!rows) return m_cost->setText(tr("There are no rows: open a trace or the demo, or add a prompt."));
    const auto cost = m_analyses.costOf(m_choice);
    if (!cost) return m_cost->setText(problems.empty() ? QString() : tr("Correct the marked fields first."));
    QStringList lines{
        tr("Of %1: %2.").arg(Analyses::choiceText(m_choice, cost->rows), Analyses::costText(cost))};
    for (const auto& [name, reason] : cost->undefined)
        lines << tr("%1 is left out: %2.").arg(QString::fromStdString(name), QString::fromStdString(reason));
    m_cost->setText(lines.join(' '));
}

QString AnalysisDialog::problemAt(ChoiceProblem::Field field) const {
    const auto label = m_problems.find(field);
    return label != m_problems.end() && !label->second->isHidden() ? label->second->text() : QString();
}

void AnalysisDialog::compute() {
    check();
    if (!m_compute->isEnabled()) return;
    m_analyses.setChoice(m_choice);
    m_analyses.run(m_choice);
}

void AnalysisDialog::done(int result) {
    if (m_analyses.problemsOf(m_choice).empty()) m_analyses.setChoice(m_choice);
    QDialog::done(result);
}

bool AnalysisDialog::event(QEvent* event) {
    if (event->type() == QEvent::PaletteChange) m_checkSoon.start();
    return QDialog::event(event);
}

}  // namespace rheo
