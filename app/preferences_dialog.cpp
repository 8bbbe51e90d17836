#include "app/preferences_dialog.h"

#include <QComboBox>
#include <QDialogButtonBox>
#include <QFileDialog>
#include <QFormLayout>
#include <QGroupBox>
#include <QHBoxLayout>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QSpinBox>
#include <QThread>
#include <QVBoxLayout>

#include "app/manual_window.h"

namespace rheo {

namespace {

QFormLayout* addGroup(QVBoxLayout* layout, const QString& title) {
    auto* group = new QGroupBox(title);
    auto* form = new QFormLayout(group);
    layout->addWidget(group);
    return form;
}

}  // namespace

PreferencesDialog::PreferencesDialog(const Preferences& preferences, QWidget* parent)
    : QDialog(parent),
      m_theme(new QComboBox),
      m_fontSize(new QSpinBox),
      m_colorMap(new QComboBox),
      m_device(new QComboBox),
      m_threads(new QSpinBox),
      m_memory(new QSpinBox),
      m_cache(new QLineEdit) {
    setWindowTitle(tr("Preferences"));
    setManualPlace(*this, "window#preferences");
    m_theme->addItem(tr("As the system"), int(ThemeChoice::System));
    m_theme->addItem(tr("Light"), int(ThemeChoice::Light));
    m_theme->addItem(tr("Dark"), int(ThemeChoice::Dark));
    m_theme->setToolTip(tr("Colours of the window and of the figures in it"));
    // One below the smallest stands for the desktop's.
    m_fontSize->setRange(smallestFont - 1, largestFont);
    m_fontSize->setSpecialValueText(tr("as the desktop"));
    m_fontSize->setSuffix(tr(" pt"));
    m_fontSize->setToolTip(
        tr("Text size of menus, lists and forms. Figures have their own size, which suits print."));
    m_colorMap->addItem(tr("Viridis"), "viridis");
    m_colorMap->addItem(tr("Cividis"), "cividis");
    m_colorMap->setToolTip(
        tr("Colour map for values that are never negative, in every view; each view can choose another. Both "
           "can be read without telling red from green; Cividis is made for that."));
    m_device->addItem(tr("Processor"), "cpu");
    m_device->addItem(tr("GPU (CUDA)"), "cuda");
    m_device->setToolTip(
        tr("The device that computes models; the dialog that opens a model can choose another"));
    m_threads->setRange(0, 1024);
    m_threads->setSpecialValueText(tr("one per core (%1)").arg(QThread::idealThreadCount()));
    m_threads->setToolTip(
        tr("Threads of models and analyses; with fewer threads, other programs get more of the processor"));
    m_memory->setRange(int(leastMemoryMiB), int(mostMemoryMiB));
    m_memory->setSingleStep(256);
    m_memory->setGroupSeparatorShown(true);
    m_memory->setSuffix(tr(" MiB"));
    m_memory->setToolTip(
        tr("Memory limit of an analysis, not counting its results. With less memory it reads the trace more "
           "often."));
    m_cache->setPlaceholderText(tr("the default of Hugging Face's libraries"));
    m_cache->setToolTip(
        tr("The folder of fetched models (models--ORG--NAME), which rheograph reads and never writes. The "
           "environment variables HF_HUB_CACHE and HF_HOME take precedence."));

    auto* layout = new QVBoxLayout(this);
    auto* looks = addGroup(layout, tr("Looks"));
    looks->addRow(tr("&Theme"), m_theme);
    looks->addRow(tr("Text &size"), m_fontSize);
    looks->addRow(tr("&Colours of values"), m_colorMap);
    auto* work = addGroup(layout, tr("Computing"));
    work->addRow(tr("&Device"), m_device);
    work->addRow(tr("T&hreads"), m_threads);
    work->addRow(tr("&Memory of an analysis"), m_memory);
    auto* files = addGroup(layout, tr("Files (from the next start)"));
    auto* line = new QHBoxLayout;
    auto* browse = new QPushButton(tr("&Browse…"));
    line->addWidget(m_cache, 1);
    line->addWidget(browse);
    auto* label = new QLabel(tr("&Fetched models"));
    label->setBuddy(m_cache);
    files->addRow(label, line);
    auto* buttons = new QDialogButtonBox(QDialogButtonBox::Ok | QDialogButtonBox::Cancel |
                                         QDialogButtonBox::RestoreDefaults);
    layout->addWidget(buttons);
    show(preferences);
    m_cache->setMinimumWidth(260);

    for (QComboBox* list : {m_theme, m_colorMap, m_device})
        connect(list, &QComboBox::currentIndexChanged, this, &PreferencesDialog::changed);
    for (QSpinBox* number : {m_fontSize, m_threads, m_memory})
        connect(number, &QSpinBox::valueChanged, this, &PreferencesDialog::changed);
    connect(m_cache, &QLineEdit::textChanged, this, &PreferencesDialog::changed);
    connect(browse, &QPushButton::clicked, this, &PreferencesDialog::askCache);
    connect(buttons, &QDialogButtonBox::accepted, this, &QDialog::accept);
    connect(buttons, &QDialogButtonBox::rejected, this, &QDialog::reject);
    connect(buttons->button(QDialogButtonBox::RestoreDefaults), &QPushButton::clicked, this,
            [this] { show(Preferences()); });
}

void PreferencesDialog::show(const Preferences& preferences) {
    m_theme->setCurrentIndex(m_theme->findData(int(preferences.theme)));
    m_fontSize->setValue(preferences.fontSize == 0 ? m_fontSize->minimum() : preferences.fontSize);
    m_colorMap->setCurrentIndex(std::max(0, m_colorMap->findData(preferences.colorMap)));
    m_device->setCurrentIndex(m_device->findData(preferences.device));
    m_threads->setValue(preferences.threads);
    m_memory->setValue(static_cast<int>(preferences.memoryMiB));
    m_cache->setText(preferences.cache);
}

Preferences PreferencesDialog::chosen() const {
    Preferences chosen;
    chosen.theme = ThemeChoice(m_theme->currentData().toInt());
    chosen.fontSize = m_fontSize->value() == m_fontSize->minimum() ? 0 : m_fontSize->value();
    chosen.colorMap = m_colorMap->currentData().toString();
    chosen.device = m_device->currentData().toString();
    chosen.threads = m_threads->value();
    chosen.memoryMiB = m_memory->value();
    chosen.cache = m_cache->text().trimmed();
    return chosen;
}

void PreferencesDialog::askCache() {
    const QString folder =
        QFileDialog::getExistingDirectory(this, tr("Folder of fetched models"), m_cache->text());
    if (!folder.isEmpty()) m_cache->setText(folder);
}

}  // namespace rheo
