//! Cases in which the two loaders' runs must differ, and why.

const KNOWN: &[(&str, &str)] = &[
    ("arch/x86/kvm/kvm-amd.ko", KVM),
    ("arch/x86/kvm/kvm-intel.ko", KVM),
    ("stack-overflow", "how deep the stack is when init is called decides where it overflows"),
    ("lib/raid6/raid6_pq.ko", "it measures the processor and chooses what is fastest"),
    ("lib/test_bpf.ko", "it measures and tells how long its tests take"),
    (
        "drivers/gpu/drm/amd/amdgpu/amdgpu.ko",
        "loading it takes so long that the clock of the in-process kernel ticks",
    ),
];

const KVM: &str = "kvm does not finish starting without the hardware (6.12), and half a minute \
                   for each of its symbols is more than a request may take";

pub fn reason(case: &str) -> Option<&'static str> {
    KNOWN.iter().find(|(name, _)| *name == case).map(|(_, reason)| *reason)
}
