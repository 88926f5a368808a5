use super::*;

#[test]
fn orders_and_blocks_lie_two_to_a_cache_line() {
    assert_eq!((size_of::<Cell>(), size_of::<Cells>(), align_of::<Cells>()), (32, 512, 64));
    assert_eq!((size_of::<Block>(), align_of::<Block>()), (32, 32));
}

/// The slots of all orders.
fn whole(arena: &Arena) -> Vec<Slot> {
    std::iter::successors(arena.live_from(0), |slot| arena.live_from(slot + 1)).collect()
}

#[test]
fn what_lies_behind_an_order_in_its_block() {
    let (mut arena, mut ends) = (Arena::default(), Ends::NONE);
    let cell = |id| Cell { id, quantity: 1, ..Cell::default() };
    let slots: Vec<Slot> = (0..20).map(|id| arena.push(&mut ends, Side::Buy, 1, cell(id))).collect();
    arena.remove(&mut ends, slots[5], |_, _| {});
    assert_eq!((arena.behind(slots[4]).id, arena.behind(slots[3]).id), (6, 4));
    // Behind a block's last order: anything at all.
    let _ = (arena.behind(slots[15]), arena.behind(slots[19]));
}

/// Orders come and go at random places of one queue; a plain list says what must be left, in which order.
#[test]
fn a_queue_keeps_its_order_whatever_leaves() {
    let (mut arena, mut ends, mut model) = (Arena::default(), Ends::NONE, Vec::<OrderId>::new());
    // By entry number, where each order is: what the index of ids would know.
    let mut slots = vec![NIL; 20_000];
    let mut state = 11_u64;
    let mut random = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    for id in 0..20_000_u64 {
        let cell = Cell { id, quantity: 1, entry: id as u32, ..Cell::default() };
        slots[id as usize] = arena.push(&mut ends, Side::Sell, 7, cell);
        model.push(id);
        // Grows, shrinks, grows: so that blocks thin out at every stage.
        while !model.is_empty() && random(100) < if id / 4_000 % 2 == 0 { 30 } else { 55 } {
            let gone = model.remove(random(model.len()));
            arena.remove(&mut ends, slots[gone as usize], |entry, slot| slots[entry as usize] = slot);
        }
        if id % 997 == 0 {
            assert_eq!(whole(&arena), {
                let mut live: Vec<Slot> = model.iter().map(|id| slots[*id as usize]).collect();
                live.sort_unstable();
                live
            });
        }
        if id % 97 == 0 {
            let queue: Vec<OrderId> = arena.queue(ends).map(|order| order.id).collect();
            assert_eq!(queue, model);
            if let Some(id) = model.get(random(model.len().max(1))) {
                let before = model.iter().take_while(|each| *each != id).count();
                assert_eq!(arena.ahead(slots[*id as usize]).count(), before);
                assert_eq!(arena.get(slots[*id as usize]).id, *id);
            }
        }
        assert_eq!(arena.live(), model.len());
    }
    let most = arena.blocks.len();
    assert!(most < 4_000, "{most} blocks");
    for id in model {
        arena.remove(&mut ends, slots[id as usize], |entry, slot| slots[entry as usize] = slot);
    }
    arena.release(&mut ends);
    assert_eq!((ends, arena.live()), (Ends::NONE, 0));
}
