#pragma once

#include <QDialog>
#include <memory>

#include "core/checkpoint/checkpoint.h"
#include "core/model/model.h"
#include "widgets/jobs/job_runner.h"

class QCheckBox;
class QComboBox;
class QLabel;
class QLineEdit;
class QListView;
class QPushButton;
class QSortFilterProxyModel;
class QSpinBox;
class QStackedWidget;

namespace rheo {

class CachedModelList;

/// Which model is to be opened, and how: device, dtype, threads and weights, with the memory it will need.
class OpenModelDialog : public QDialog {
    Q_OBJECT
public:
    /// Offers the models of the Hugging Face cache and of Ollama's store, and to choose a folder or a file.
    OpenModelDialog(JobRunner& jobs, QWidget* parent);
    /// Asks only how this one is to be opened.
    OpenModelDialog(JobRunner& jobs, std::shared_ptr<const Checkpoint> checkpoint, QWidget* parent);
    /// Offers an adapter with its base, where that is on this machine; else the base is to be chosen.
    OpenModelDialog(JobRunner& jobs, const QString& adapter, QWidget* parent);

    /// The chosen model; not null once the dialog was accepted.
    std::shared_ptr<const Checkpoint> checkpoint() const { return m_checkpoint; }
    ModelOptions options() const;

    QListView* list() const { return m_view; }
    QLabel* note() const { return m_note; }  ///< in the place of the list while there is none
    QCheckBox* untrained() const { return m_untrained; }
    QLineEdit* adapter() const { return m_adapter; }  ///< its folder; empty: none
    QLabel* detail() const { return m_detail; }       ///< what is chosen, or why it cannot be opened
    /// "Open", or "Open Anyway" where the config has keys of which nothing is known.
    QPushButton* openButton() const { return m_open; }

private:
    void build();
    QWidget* cacheList();
    void showList();
    void showCurrent();
    void chooseFolder();
    void chooseFile();
    void chooseAdapter();
    void inspect(const QString& path);
    void choose(std::shared_ptr<const Checkpoint> checkpoint, const QString& trouble);
    void useAdapter();
    void read();
    void offer(std::shared_ptr<const Checkpoint> checkpoint, const QString& trouble);
    void update();
    QString describeChoice() const;
    QString forecast(DType dtype, bool onProcessor) const;

    JobRunner& m_jobs;
    std::shared_ptr<const Checkpoint> m_checkpoint;  ///< with the adapter, where one is chosen
    QString m_trouble;  ///< why what is chosen cannot be opened, or not with its own weights
    QString m_folder;   ///< of the chosen model; empty: none
    std::shared_ptr<const Checkpoint> m_base;  ///< that model without an adapter, where that was read
    QString m_baseTrouble;
    JobId m_reading;  ///< reads what was chosen elsewhere, or the adapter; none: 0
    CachedModelList* m_models = nullptr;
    QSortFilterProxyModel* m_found = nullptr;
    QListView* m_view = nullptr;
    QLineEdit* m_search = nullptr;
    QStackedWidget* m_pages = nullptr;
    QLabel* m_note;
    QLabel* m_detail;
    QComboBox* m_device;
    QComboBox* m_dtype;
    QSpinBox* m_threads;
    QLineEdit* m_adapter;
    QCheckBox* m_untrained;
    QSpinBox* m_seed;
    QComboBox* m_place;  ///< of the weights
    QLabel* m_forecast;
    QPushButton* m_open = nullptr;
};

}  // namespace rheo
