//! What a repair can be made from: other trees of the same release, the kernel's image, its
//! modules.

use std::fs;
use std::path::{Path, PathBuf};

use komod_kernel::find::{self, Roots};

use crate::rules::b20;
use crate::tree::Tree;

/// Places of one kernel's parts, the best first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spares {
    /// Build trees of the same release.
    pub trees: Vec<PathBuf>,
    /// Folders with `config-RELEASE` and `symvers-RELEASE.gz`.
    pub boot: Vec<PathBuf>,
    /// Boot images.
    pub images: Vec<PathBuf>,
    /// `lib/modules/RELEASE` folders.
    pub modules: Vec<PathBuf>,
    /// komod's own modpost, as a program.
    pub modpost: Option<PathBuf>,
    /// The folder that overlays are kept below.
    pub cache: Option<PathBuf>,
}

impl Spares {
    /// What this machine has of the tree's kernel: beside the tree, installed, and in komod's
    /// cache.
    pub fn system(tree: &Tree) -> Spares {
        let roots = Roots::system();
        let mut spares =
            Spares { boot: vec!["/boot".into()], cache: roots.cache.clone(), ..Spares::default() };
        // Unpacked packages: ROOT/usr/src/TREE.
        if let Some(root) = tree.path.ancestors().nth(3) {
            spares.root(root, &tree.release);
        }
        for kernel in find::discover(&roots) {
            if kernel.release != tree.release {
                continue;
            }
            spares.trees.extend(kernel.tree);
            if let Some(image) = kernel.image {
                spares.boot.extend(image.parent().map(Path::to_owned));
                spares.images.push(image);
            }
            spares.modules.extend(kernel.modules);
        }
        if let Some(cache) = &roots.cache {
            let root = cache.join("kernels").join(&tree.release);
            spares.root(&root, &tree.release);
            spares.trees.push(root.join("usr/src").join(format!("linux-headers-{}", tree.release)));
        }
        spares
    }

    fn root(&mut self, root: &Path, release: &str) {
        self.boot.push(root.join("boot"));
        self.images.push(root.join("boot").join(format!("vmlinuz-{release}")));
        self.modules.push(root.join("lib/modules").join(release));
    }

    /// A tree other than `tree` that has this file.
    pub(super) fn tree_with(&self, tree: &Tree, path: &str) -> Option<PathBuf> {
        let real = |path: &Path| fs::canonicalize(path).ok();
        let own = real(&tree.path);
        self.trees
            .iter()
            .find(|other| {
                let candidate = Tree::new("", *other);
                real(other) != own && candidate.has(path) && !b20::is_foreign(&candidate, path)
            })
            .cloned()
    }
}
