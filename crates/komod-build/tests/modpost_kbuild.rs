//! Modules as people write them, compiled by kbuild: what the kernel's modpost and komod's make of
//! the objects.
#![forbid(unsafe_code)]

mod common;
#[path = "common/modpost.rs"]
mod modpost;

use common::trees;
use komod_build::modpost::Dialect;
use modpost::Case;
use std::fs;
use std::process::Command;

const PLAIN: &str = "
#include <linux/module.h>
static int __init plain_init(void) { pr_info(\"in\\n\"); return 0; }
static void __exit plain_exit(void) { pr_info(\"out\\n\"); }
module_init(plain_init);
module_exit(plain_exit);
MODULE_LICENSE(\"GPL\");
MODULE_ALIAS(\"declared\");
";

const OWNER: &str = "
#include <linux/module.h>
#include \"owner.h\"
int owner_plain(int a) { return a + OWNER_ONE; }
EXPORT_SYMBOL(owner_plain);
int owner_gpl(struct device *dev) { return dev != NULL; }
EXPORT_SYMBOL_GPL(owner_gpl);
long owner_space(void) { return 3; }
EXPORT_SYMBOL_NS(owner_space, KOMOD_OWNER);
unsigned long owner_data[4];
EXPORT_SYMBOL_NS_GPL(owner_data, KOMOD_OWNER);
const char owner_text[] = \"text \\\" with /* no comment */\";
EXPORT_SYMBOL(owner_text);
MODULE_LICENSE(\"Dual MIT/GPL\");
MODULE_VERSION(\"1.0\");
";

const OWNER_HEADER: &str = "
#pragma once
#include <linux/device.h>
#define OWNER_ONE 1 /* counts */
int owner_plain(int a);
int owner_gpl(struct device *dev);
long owner_space(void);
extern unsigned long owner_data[4];
extern const char owner_text[];
";

const USER: &str = "
#include <linux/module.h>
#include <linux/usb.h>
#include <linux/i2c.h>
#include \"owner.h\"
extern int optional_function(void) __attribute__((weak));
static int __init user_init(void)
{
	if (optional_function)
		optional_function();
	return owner_plain(1) + owner_gpl(NULL) + owner_space() + owner_data[1] + usb_disabled();
}
module_init(user_init);
static void __exit user_exit(void) { i2c_put_adapter(NULL); pr_info(\"%s\\n\", owner_text); }
module_exit(user_exit);
MODULE_LICENSE(\"GPL v2\");
MODULE_IMPORT_NS(KOMOD_OWNER);
";

const TABLES: &str = "
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/usb.h>
#include <linux/of.h>
#include <linux/acpi.h>
#include <linux/i2c.h>
#include <linux/spi/spi.h>
#include <linux/hid.h>
#include <linux/input.h>
#include <linux/dmi.h>
#include <linux/pnp.h>
#include <linux/platform_device.h>
#include <linux/virtio.h>
#include <linux/mod_devicetable.h>
#include <asm/cpu_device_id.h>
static const struct pci_device_id pci[] = {
	{ PCI_DEVICE(0x8086, 0x1234) }, { PCI_DEVICE_CLASS(0x020000, 0xffff00) },
	{ PCI_DRIVER_OVERRIDE_DEVICE_VFIO(0x10de, PCI_ANY_ID) }, { } };
MODULE_DEVICE_TABLE(pci, pci);
static const struct usb_device_id usb[] = {
	{ USB_DEVICE(0x1234, 0x5678) }, { USB_DEVICE_VER(0x1234, 1, 0x0123, 0x0456) },
	{ USB_INTERFACE_INFO(3, 1, 2) }, { .driver_info = 7 }, { } };
MODULE_DEVICE_TABLE(usb, usb);
static const struct of_device_id of[] = {
	{ .compatible = \"komod,one\" }, { .name = \"two words\", .type = \"kind\" },
	{ .compatible = \"komod,three\", .type = \"kind\" }, { } };
MODULE_DEVICE_TABLE(of, of);
static const struct acpi_device_id acpi[] = { { \"KOMD0001\", 0 }, { ACPI_DEVICE_CLASS(0x010203, 0xff00ff) }, { } };
MODULE_DEVICE_TABLE(acpi, acpi);
static const struct i2c_device_id i2c[] = { { \"komod-i2c\", 1 }, { } };
MODULE_DEVICE_TABLE(i2c, i2c);
static const struct spi_device_id spi[] = { { \"komod-spi\", 1 }, { } };
MODULE_DEVICE_TABLE(spi, spi);
static const struct hid_device_id hid[] = { { HID_USB_DEVICE(1, 2) }, { HID_DEVICE(HID_BUS_ANY, HID_GROUP_ANY, HID_ANY_ID, 5) }, { } };
MODULE_DEVICE_TABLE(hid, hid);
static const struct input_device_id input[] = { { .flags = INPUT_DEVICE_ID_MATCH_EVBIT | INPUT_DEVICE_ID_MATCH_KEYBIT,
	.evbit = { BIT_MASK(EV_KEY) | BIT_MASK(EV_SW) }, .keybit = { [BIT_WORD(BTN_LEFT)] = BIT_MASK(BTN_LEFT) } }, { } };
MODULE_DEVICE_TABLE(input, input);
static const struct dmi_system_id dmi[] = { { .matches = { DMI_MATCH(DMI_SYS_VENDOR, \"A: b\"), DMI_EXACT_MATCH(DMI_PRODUCT_NAME, \"C\") } }, { } };
MODULE_DEVICE_TABLE(dmi, dmi);
static const struct pnp_device_id pnp[] = { { \"pnp0501\" }, { \"\" } };
MODULE_DEVICE_TABLE(pnp, pnp);
static const struct pnp_card_device_id pnp_card[] = { { .id = \"CSC0000\", .devs = { { \"CSC0000\" }, { \"csc0010\" } } }, { .id = \"\" } };
MODULE_DEVICE_TABLE(pnp_card, pnp_card);
static const struct platform_device_id platform[] = { { \"komod-platform\" }, { } };
MODULE_DEVICE_TABLE(platform, platform);
static const struct virtio_device_id virtio[] = { { 1, VIRTIO_DEV_ANY_ID }, { 0 } };
MODULE_DEVICE_TABLE(virtio, virtio);
static const struct x86_cpu_id x86cpu[] = { X86_MATCH_FEATURE(X86_FEATURE_AES, NULL), { } };
MODULE_DEVICE_TABLE(x86cpu, x86cpu);
static const struct wmi { char guid_string[37]; const void *context; } wmi[] = { { \"8D9DDCBC-A997-11DA-B012-B622A1EF5492\" }, { } };
extern typeof(wmi) __mod_wmi__wmi_device_table __attribute__((unused, alias(\"wmi\")));
static const struct { int a; } unknown[] = { { 1 }, { 0 } };
extern typeof(unknown) __mod_nosuchbus__unknown_device_table __attribute__((unused, alias(\"unknown\")));
MODULE_LICENSE(\"GPL\");
MODULE_VERSION(\"2\");
MODULE_ALIAS(\"pci:declared\");
";

const PART_ONE: &str = "
#include <linux/module.h>
#include \"owner.h\"
int both_two(void);
int both_one(int a) { return both_two() + a; }
EXPORT_SYMBOL_GPL(both_one);
MODULE_LICENSE(\"GPL\");
MODULE_VERSION(\"3\");
MODULE_IMPORT_NS(KOMOD_OWNER);
";
const PART_TWO: &str = "
#include <linux/module.h>
#include \"owner.h\"
int both_two(void) { return owner_data[2]; }
EXPORT_SYMBOL(both_two);
";

const BAD: &str = "
#include <linux/module.h>
#include \"owner.h\"
int nowhere(int a);
static int __init goes(void) { return 1; }
int stays(void);
int stays(void) { return goes() + nowhere(1) + owner_space() + owner_gpl(NULL); }
MODULE_LICENSE(\"Proprietary\");
";
const UNLICENSED: &str = "#include <linux/module.h>\nint common_int;\n";

#[test]
fn modules_as_people_write_them() {
    for tree in trees() {
        let mut case = Case::new(&tree, "kbuild");
        for (name, text) in [
            ("plain.c", PLAIN),
            ("owner.c", OWNER),
            ("owner.h", OWNER_HEADER),
            ("user.c", USER),
            ("tables.c", TABLES),
            ("one.c", PART_ONE),
            ("two.c", PART_TWO),
            ("bad.c", BAD),
            ("unlicensed.c", UNLICENSED),
            (
                "Makefile",
                "obj-m := plain.o owner.o user.o tables.o both.o bad.o unlicensed.o\nboth-y := one.o two.o\n",
            ),
        ] {
            case.scratch.write(name, text);
        }
        let dir = case.scratch.0.clone();
        // kbuild ends with modpost's errors; the objects are there.
        let output = Command::new("make")
            .args(["-j2", "-C"])
            .arg(&tree.path)
            .arg(format!("M={}", dir.display()))
            .arg("modules")
            .envs(tree.env.iter().cloned())
            .output()
            .unwrap();
        let log = String::from_utf8_lossy(&output.stderr);
        assert!(dir.join("modules.order").exists(), "{log}");
        for name in ["plain", "owner", "user", "tables", "both"] {
            assert!(dir.join(format!("{name}.o")).exists(), "{name}: {log}");
            case.built(name);
        }
        let left = case.compare();
        assert!(!left.failed && left.files.len() == 6, "{left:?}");
        let aliases = |name: &str| {
            let path = dir.join(format!("{name}.mod.c"));
            left.files[path.to_str().unwrap()].matches("MODULE_ALIAS").count()
        };
        assert!(aliases("tables") > 25);
        assert_eq!(aliases("plain"), 0);
        let symvers = &left.files[dir.join("Module.symvers").to_str().unwrap()];
        assert_eq!(symvers.lines().filter(|line| !line.starts_with("0x00000000")).count(), 7);

        case.options.all_versions = true;
        case.compare();
        case.built("bad");
        case.built("unlicensed");
        assert!(case.compare().failed);
        case.options.warn_unresolved = true;
        case.options.allow_missing_namespaces = true;
        case.options.extra_warnings = case.dialect() == Dialect::ExportSymbol;
        case.compare();
        // A user of another folder's symbols.
        let dump = case.dump("other/Module.symvers", symvers);
        case.dumps.push(dump);
        case.modules.retain(|path| path.ends_with("user") || path.ends_with("plain"));
        let left = case.compare();
        let user = &left.files[dir.join("user.mod.c").to_str().unwrap()];
        let depends = user.lines().find(|line| line.contains("depends")).unwrap();
        for module in ["owner", "usbcore"] {
            assert!(depends.contains(module), "{depends}");
        }
        fs::remove_file(dir.join(".user.o.cmd")).unwrap();
        assert!(case.compare().failed);
    }
}
